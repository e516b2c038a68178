// Healthy: one agent for all requests: PORT RATE.
const http = require('http');

const agent = new http.Agent({ keepAlive: true });
setInterval(() => {
  http.get({ host: '127.0.0.1', port: process.argv[2], agent }, (response) => response.resume()).on('error', () => {});
}, 1000 / process.argv[3]);
