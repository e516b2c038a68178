// Healthy: a cluster, whose primary accepts and hands each connection over to a worker: PORT WORKERS.
const cluster = require('cluster');
const net = require('net');

if (cluster.isPrimary) {
  for (let i = 0; i < process.argv[3]; i++) cluster.fork();
} else {
  net.createServer((socket) => {
    socket.on('data', (request) => socket.write(request));
    socket.on('error', () => {});
  }).listen(process.argv[2], '127.0.0.1');
}
