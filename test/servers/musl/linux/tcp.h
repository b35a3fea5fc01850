// musl's own struct tcp_info is complete; the kernel's headers are not among musl's.
#pragma once

#include <netinet/tcp.h>
