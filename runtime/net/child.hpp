// Programs that commands and watches start: words as they are, or one line for $SHELL.
#pragma once
#include "runtime/base/error.hpp"
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace actord::net {

struct child_command {
  std::vector<std::string> words;
  bool shell = true; // the words are joined to one line
};

struct child_streams {
  int input = -1;  // becomes stdin; -1: /dev/null
  int output = -1; // becomes stdout and stderr; -1: ours
  bool own_group = false; // a process group of its own, so that it can be killed with all that it starts; it inherits nothing else
};

// `more` are "NAME=value". The error is Go's: `fork/exec /none: no such file or directory`. Starting may take for ever, on a file system
// that hangs: `stop`, asked many times a second, ends that.
result<pid_t> start_child(const child_command& command, const std::vector<std::string>& more, const child_streams& streams, const std::function<bool()>& stop = {});

// "" for an ordinary end, else `exit status 3` or `signal: killed`.
std::string end_of_child(int wait_status);

// Runs the child to its end with `input` on its stdin. The error is `starting` (it never ran) or how it ended.
struct child_outcome {
  std::string failed_start, failed_end;
  int exit_code = 0; // -1: a signal ended it
  std::string output;      // with capture: the last bytes of it
  uint64_t output_bytes = 0; // all of it
};
struct child_limits {
  size_t capture = 0;                          // keep so many of the last bytes of its output; 0: not captured
  std::function<bool()> stop = {};             // asked many times a second; true kills the child and what it started, and waits little for that
  std::function<void(std::string_view)> output = {}; // gets the output as it comes, instead of keeping it
  std::function<void(pid_t)> started = {};     // told the process while it runs, and 0 after its end
};
child_outcome run_child(const child_command& command, const std::vector<std::string>& more, std::string_view input, const child_limits& limits = {});

} // namespace actord::net
