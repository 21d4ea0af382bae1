// Network coordinates: Vivaldi (Dabek, Cox, Kaashoek, Morris 2004) with heights, an adjustment term and a latency filter
// (Ledlie, Gardner, Seltzer 2007) and gravity, as serf 0.9.4 computes it; actors/coordinate/vivaldi.md. A node
// moves itself a little each time that it learns a round trip and where the other side thinks it is.
#pragma once
#include "actors/coordinate/core/types.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/prng.hpp"
#include "runtime/base/text_hash.hpp"
#include <string>
#include <unordered_map>
#include <vector>

namespace actord::coordinate {

class vivaldi {
public:
  explicit vivaldi(prng random) : random_(random) {}

  // `node` answered after `rtt` and says that it is at `other`. bad_request when either cannot be: nothing changes then.
  status update(const std::string& node, const coordinate& other, nanos rtt);
  // What is remembered about a member that is gone.
  void forget(const std::string& node) { peers_.erase(node); }
  // Takes up where a former life ended.
  status start_at(const coordinate& c);

  const coordinate& own() const { return own_; }
  // Where a node said that it was, when it answered last; null when it never did.
  const coordinate* find(const std::string& node) const;
  uint64_t resets() const { return resets_; } // how often a result was no number and was thrown away

private:
  struct peer {
    coordinate last;
    std::vector<double> rtts; // the newest at the end
  };
  double smooth(std::vector<double>& rtts, double rtt) const;
  void move(const coordinate& other, double rtt);
  void adjust(const coordinate& other, double rtt);
  void pull_to_origin();

  coordinate own_;
  prng random_;
  text_map<peer> peers_;
  std::array<double, 20> misses_{}; // measured less estimated, of the last updates
  size_t next_miss_ = 0;
  uint64_t resets_ = 0;
};

} // namespace actord::coordinate
