// SPDX-License-Identifier: MIT
// Node's http as its documentation shows it: GET / and GET /bytes/N.
const http = require("http");

http.createServer((request, response) => {
  const wanted = /^\/bytes\/(\d{1,8})$/.exec(request.url);
  response.end(wanted ? Buffer.alloc(Number(wanted[1]), "0123456789abcdef") : "hello\n");
}).listen(8080, "127.0.0.1");
