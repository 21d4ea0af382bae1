// Up to which level the servers of a cluster read the log's commands. None is written that one of them cannot read: it would stop
// there, or, being of before that rule, make its state another one than the others'.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace actord::raft {

struct command_reader { // a server of the configuration
  std::string name;     // its id while nothing is known of it
  unsigned level = 0;   // 0: it has not said; it counts as one of the first level
  bool operator==(const command_reader&) const = default;
};

class command_levels {
public:
  // All of the configuration, whether they are up or not. True: the cluster's level is another one now.
  bool set(std::vector<command_reader> servers);
  unsigned level() const { return level_; } // of the cluster: what all of them read
  // Why a command of that level is not written, and what to do; nothing if it is.
  std::optional<std::string> refusal(std::string_view command, unsigned level) const;
  std::string text() const; // "s1:2 s2:1", "s3:?" of one that has not said

private:
  std::vector<command_reader> servers_;
  unsigned level_ = 1;
};

} // namespace actord::raft
