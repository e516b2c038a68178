// As client.c, in C++: a method of a template in a namespace, called through what the compiler inlines.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

namespace pool {

template <typename Address>
class Client {
  public:
    [[gnu::noinline]] int open(int port) {
        Address address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(static_cast<unsigned short>(port));
        held_.push_back(socket(AF_INET, SOCK_STREAM, 0));
        const int result =
            connect(held_.back(), reinterpret_cast<sockaddr*>(&address), sizeof address);  // THE LINE
        return result + static_cast<int>(held_.size() > 1000);
    }

  private:
    std::vector<int> held_;
};

}  // namespace pool

int main(int argc, char** argv) {
    if (argc != 2) return 64;
    pool::Client<sockaddr_in> client;
    std::cout << "ready" << std::endl;
    for (std::string line; std::getline(std::cin, line);)
        std::cout << "done " << client.open(static_cast<int>(std::strtol(argv[1], nullptr, 10))) << std::endl;
}
