-- SPDX-License-Identifier: MIT
return protocol {
  "tcp",
  doc = "opaque: connecting is all that is known",
  offers = {},
}
