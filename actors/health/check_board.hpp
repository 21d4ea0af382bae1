// The checks that are being run: their timers, thresholds and current runs. Everything in the loop's thread; no CAF.
#pragma once
#include "actors/health/run.hpp"
#include <deque>
#include <map>

namespace actord::health {

class check_board {
public:
  using report = std::function<void(const std::string& id, verdict v)>;
  check_board(run_context& context, size_t max_running, prng random, report r)
      : context_(context), max_running_(max_running), random_(random), report_(std::move(r)) {}
  ~check_board() { clear(); }
  void start(const std::string& id, std::shared_ptr<const check_registration> check);
  void stop(const std::string& id);
  void clear();
  size_t size() const { return checks_.size(); }
  size_t running() const { return running_; }

private:
  struct entry {
    std::shared_ptr<const check_registration> check;
    check_pace pace;
    check_judge judge;
    net::timer_id timer = 0;
    std::shared_ptr<check_run> run;
    uint64_t serial;
  };
  void arm(const std::string& id, entry& e, nanos delay);
  void due(const std::string& id, uint64_t serial);
  void ran(const std::string& id, uint64_t serial, verdict v);
  void drop(entry& e);
  void start_waiting();
  run_context& context_;
  size_t max_running_, running_ = 0;
  prng random_;
  report report_;
  std::map<std::string, entry, std::less<>> checks_;
  std::deque<std::pair<std::string, uint64_t>> waiting_;
  uint64_t serials_ = 0;
};

} // namespace actord::health
