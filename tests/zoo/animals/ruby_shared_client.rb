# Healthy: one client of async-http for all requests, which comes round later than the server's keep-alive time: URL TICK.
require 'async'
require 'async/http/client'
require 'async/http/endpoint'

context = OpenSSL::SSL::SSLContext.new
context.set_params(verify_mode: OpenSSL::SSL::VERIFY_NONE)
endpoint = Async::HTTP::Endpoint.parse(ARGV[0], ssl_context: context)
client = Async::HTTP::Client.new(endpoint)
Async do |task|
  loop do
    2.times.map { task.async { client.get(endpoint.path).read } }.each(&:wait)
    task.sleep(ARGV[1].to_f)
  end
end
