// Leaks: a server that asked to keep its half open and does not listen for the end of the other: PORT.
const net = require('net');

net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('data', (request) => socket.write(request));
  socket.on('error', () => {});
}).listen(process.argv[2], '127.0.0.1');
