/* Opens a connection from a known line each time it is told to; compiled without frame pointers. The port is the first
 * argument. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int held[64];
static int count;

__attribute__((noinline)) static int open_connection(int port)
{
	struct sockaddr_in address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int result;

	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((unsigned short)port);
	result = connect(fd, (struct sockaddr *)&address, sizeof(address)); /* THE LINE */
	held[count++ % 64] = fd;
	return result;
}

__attribute__((noinline)) static int fetch(int port)
{
	volatile char page[512];
	int result;

	page[0] = 1;
	result = open_connection(port); /* THE CALLER */
	page[1] = 2;
	return result + page[0] - 1;
}

int main(int argc, char **argv)
{
	char line[64];

	if (argc != 2)
		return 64;
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		printf("done %d\n", fetch(atoi(argv[1])));
		fflush(stdout);
	}
	return 0;
}
