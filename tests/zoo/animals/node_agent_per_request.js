// Churns: an agent per request, whose idle connection only the server ever closes: PORT RATE.
const http = require('http');

setInterval(() => {
  const agent = new http.Agent({ keepAlive: true });
  http.get({ host: '127.0.0.1', port: process.argv[2], agent }, (response) => response.resume()).on('error', () => {});
}, 1000 / process.argv[3]);
