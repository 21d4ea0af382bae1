#pragma once
// An open-loop load: puts at a steady rate, whatever the server does. Times count from the moment at which a put was due,
// so that a server that stalls is charged for all that it kept waiting.

#include <cstddef>
#include <string>

namespace actord::bench {

struct pace_plan {
  double rate = 1000;      ///< Puts per second.
  int width = 16;          ///< Connections; each has one put under way.
  std::size_t bytes = 64;  ///< Of a value.
  bool samples = false;    ///< Lines end with the times of all puts, in microseconds, separated by commas.
};

/// Puts to HOST:PORT (an IPv4 address) and prints a line per second: "second count failures p50_us p99_us max_us", then
/// the same for the whole with "all" in front. A failure is an answer of another status than 200 or a broken connection.
/// Throws std::invalid_argument for a bad address. Returns the exit code.
int pace(const std::string& address, const pace_plan& plan, double seconds);

} // namespace actord::bench
