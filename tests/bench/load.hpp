#pragma once
// Closed-loop load: so many requests under way at a time, the next one begins when an answer is complete.

#include "tests/bench/http_client.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace actord::bench {

/// What one run of a load found. Times are of the client, from the send to the last byte of the answer.
struct load_result {
  std::uint64_t requests = 0;
  std::uint64_t failures = 0; ///< Answers of another status than 200, or broken connections.
  std::uint64_t lost = 0;     ///< UDP questions that had to be asked again.
  double seconds = 0;
  double p50_us = 0;
  double p99_us = 0;
};

struct load_plan {
  std::uint16_t port = 0;
  int width = 1;             ///< Connections, or questions under way.
  double seconds = 2;        ///< Ends after so long …
  std::uint64_t requests = 0; ///< … or, when not 0, after so many requests.
};

/// Writes the bytes of request number n into `out` (which holds the bytes of the last one).
using request_maker = std::function<void(std::uint64_t n, std::string& out)>;

/// One thread, epoll, `width` keep-alive connections with one request each under way.
/// Throws std::runtime_error when it cannot connect.
load_result http_load(const load_plan& plan, const request_maker& make);

/// One connection of Consul's RPC with `width` streams, one request under way on each; the port is the server port.
load_result rpc_load(const load_plan& plan, const request_maker& make);
/// The bytes of a call that reads a key of at most 31 characters.
std::string rpc_key_read(std::string_view key);

/// `width` questions under way over UDP, spread over up to eight sockets. `question` is a DNS packet whose first two
/// bytes are replaced by an id. A question without an answer for 300 ms is asked again and counted in `lost`.
load_result dns_load(const load_plan& plan, const std::string& question);

/// A DNS question for `name` of type `qtype` (1 A, 33 SRV).
std::string dns_question(const std::string& name, int qtype);

/// Connections that each hold a request under way until somebody writes; for watchers and for idle connections.
class held_connections {
public:
  /// Connects `count` times; throws std::runtime_error when that fails.
  held_connections(std::uint16_t port, int count);
  ~held_connections();
  held_connections(const held_connections&) = delete;
  held_connections& operator=(const held_connections&) = delete;
  /// Sends one request on each.
  void send(const request_maker& make);
  /// Waits until each has its answer: when the first and the last one was complete (now_ns). Returns how many failed
  /// to answer within `seconds` or gave another status than 200 or 404.
  int collect(double seconds, std::int64_t& first_ns, std::int64_t& last_ns);

private:
  struct connection {
    int socket;
    answer_reader reader;
  };
  std::vector<connection> connections_;
  int epoll_ = -1;
};

/// The value below which so much of the samples lies; reorders them.
double percentile(std::vector<double>& samples, double share);

} // namespace actord::bench
