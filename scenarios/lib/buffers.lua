-- SPDX-License-Identifier: MIT
-- Socket buffers for the case's own namespace, as knobs. Apart from lib.phases, so that listing scenarios need not run that.
return {
  -- A peer that does not read blocks the target after a few dozen kilobytes.
  small = {
    ["net/ipv4/tcp_wmem"] = "4096 16384 65536",
    ["net/ipv4/tcp_rmem"] = "4096 16384 65536",
  },
}
