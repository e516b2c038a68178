// Healthy: a server with many clients that are idle most of the time and stay: PORT.
const http = require('http');

const server = http.createServer((request, response) => response.end('hello\n'));
server.keepAliveTimeout = 60000;
server.listen(process.argv[2], '127.0.0.1');
