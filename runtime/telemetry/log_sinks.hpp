// Where log lines go: standard error, a file that rotates, syslog (and log_feed.hpp: who listens to /v1/agent/monitor). Each sink is
// removed with log::remove_sink(its number). Each has a log_writer.hpp of its own: whoever logs does not wait for it.
#pragma once
#include "runtime/base/duration.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/log.hpp"
#include <string>

namespace actord::telemetry {

// Where the process ends, with the lines indented as Consul's are. Once.
int add_stdout_sink(log::level minimum, bool json);
// What is said beside the log on STDOUT_FILENO, in order with the log's lines, or on STDERR_FILENO. Does not wait for who reads it,
// but for standard output before there is a sink.
void print(int fd, std::string text);

struct log_file_options {
  // A folder (ends in "/": files are called consul-<nanoseconds>.log) or a path ("x/name.log": x/name-<nanoseconds>.log).
  std::string path;
  int64_t rotate_bytes = 0;    // a new file when the current one has so many; 0 = never for that reason
  nanos rotate_duration{0};    // a new file when the current one is so old; 0 = 24 h
  int max_files = 0;           // older ones are deleted; 0 = none is, -1 = all but the current one
};
// Error: the first file cannot be made. A file that cannot be written later loses lines; the next rotation tries again.
result<int> add_file_sink(log::level minimum, bool json, const log_file_options& o);

// Facility LOCAL0 … LOCAL7, USER, DAEMON. Error: another word.
result<int> add_syslog_sink(log::level minimum, const std::string& facility, const std::string& tag = "consul");

} // namespace actord::telemetry
