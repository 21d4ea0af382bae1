#pragma once
// How a good client fares beside greedy ones: those never have fewer than very many requests under way, by HTTP, by RPC, by DNS over TCP, or
// send all the UDP questions that they can.

#include <cstdint>
#include <string>
#include <vector>

namespace actord::bench {

/// Prints a line for each number of greedy connections (for UDP: sockets of one address): the times of good clients, which ask from another
/// address, one question at a time, for so many seconds. `kind`: http, rpc, dns-tcp, dns-udp. The port is that of the kind, on 127.0.0.1. Throws std::runtime_error when
/// the server cannot be reached, std::invalid_argument for another kind.
int beside(std::uint16_t port, const std::string& kind, double seconds, const std::vector<int>& greedy_counts);

} // namespace actord::bench
