# Leaks: a new client of async-http per request, whose answer is read and which is never closed: URL RATE.
require 'async'
require 'async/http/client'
require 'async/http/endpoint'

def perform_request(url)
  context = OpenSSL::SSL::SSLContext.new
  context.set_params(verify_mode: OpenSSL::SSL::VERIFY_NONE)
  endpoint = Async::HTTP::Endpoint.parse(url, ssl_context: context)
  response = Async::HTTP::Client.new(endpoint).get(endpoint.path)
  response.read
end

Async do |task|
  loop do
    perform_request(ARGV[0])
    task.sleep(1 / ARGV[1].to_f)
  end
end
