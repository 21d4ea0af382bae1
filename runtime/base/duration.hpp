// Durations as Consul writes them: nanoseconds inside, Go's text ("1h2m3.5s", "150ms", "0s") outside.
#pragma once
#include "runtime/base/error.hpp"
#include <chrono>
#include <string>
#include <string_view>

namespace actord {

using nanos = std::chrono::nanoseconds;

// Parses what Go's time.ParseDuration accepts ("300ms", "-1.5h", "2h45m", "0"). The error text is Go's:
// `time: invalid duration "abc"`, `time: missing unit in duration "10"`, `time: unknown unit "x" in duration "1x"`.
result<nanos> parse_duration(std::string_view text);

// What Go's Duration.String prints: "0s", "1.5s", "10ms", "1h0m0s".
std::string format_duration(nanos d);

} // namespace actord
