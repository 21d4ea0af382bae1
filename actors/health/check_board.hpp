// The checks that are being run: their timers, thresholds and current runs. Everything in the loop's thread; no CAF.
//
// Runs that take longer than a second are counted apart, and so are, from their start, those of checks that did so the last time: checks
// that hang hold up each other, and others only for their first second.
#pragma once
#include "actors/health/run.hpp"
#include <deque>
#include <map>

namespace actord::health {

class check_board {
public:
  using report = std::function<void(const std::string& id, verdict v)>;
  // So many runs at a time that are not long, and so many that are. More of the long ones are cut off after their first second.
  check_board(run_context& context, size_t max_running, size_t max_long, prng random, report r)
      : context_(context), brief_{max_running}, long_{max_long}, random_(random), report_(std::move(r)) {}
  ~check_board() { clear(); }
  void start(const std::string& id, std::shared_ptr<const check_registration> check);
  void stop(const std::string& id);
  void clear();
  size_t size() const { return checks_.size(); }
  size_t running() const { return brief_.running + long_.running; }

private:
  struct entry {
    std::shared_ptr<const check_registration> check;
    check_pace pace;
    check_judge judge;
    net::timer_id timer = 0;
    std::shared_ptr<check_run> run;
    uint64_t serial;
    bool is_long = false; // the run under way; between runs: the last one
    net::io_loop::clock::time_point long_since{}; // began as a long one
  };
  struct lane {
    size_t most, running = 0;
    std::deque<std::pair<std::string, uint64_t>> waiting = {}; // in order
    bool is_full() const { return running >= most; }
  };
  void arm(const std::string& id, entry& e, nanos delay);
  void due(const std::string& id, uint64_t serial);
  void takes_long(const std::string& id, uint64_t serial);
  void ran(const std::string& id, uint64_t serial, verdict v);
  lane& lane_of(const entry& e) { return e.is_long ? long_ : brief_; }
  void drop(entry& e);
  void start_waiting();
  run_context& context_;
  lane brief_, long_;
  prng random_;
  report report_;
  std::map<std::string, entry, std::less<>> checks_;
  uint64_t serials_ = 0;
};

} // namespace actord::health
