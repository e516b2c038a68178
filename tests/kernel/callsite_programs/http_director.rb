require 'async/http'

# Asks a server that never answers.
class Director
  HELD = []

  def initialize(url)
    @endpoint = Async::HTTP::Endpoint.parse(url)
  end

  def agents(levels)
    return perform_request('/agents') if levels.zero?

    [levels].each { |level| agents(level - 1) }
  end

  def perform_request(path)
    HELD << (client = Async::HTTP::Client.new(@endpoint, retries: 0))
    Async::Task.current.with_timeout(0.3) do
      client.get(path) # THE REQUEST
    end
  rescue Async::TimeoutError
    nil
  end
end
