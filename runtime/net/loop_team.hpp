// Several loops with a thread each, over which the connections of listeners are dealt in turn: evenly, unlike SO_REUSEPORT's hash.
#pragma once
#include "runtime/net/acceptor.hpp"
#include <string>
#include <thread>

namespace actord::net {

class loop_team {
public:
  // Called in the thread of loop number `loop`; the descriptor is then the taker's.
  using taker = std::function<void(size_t loop, int fd, std::string peer)>;

  // `log_name` is whose trouble with accepting is told of.
  static result<std::unique_ptr<loop_team>> make(size_t loops, std::string log_name);
  ~loop_team(); // stops

  size_t size() const { return loops_.size(); }
  io_loop& at(size_t loop) { return *loops_[loop]; }

  // Before run(). The listener is the team's from now on, closed at its end.
  status accept_from(int listener, taker t);
  // Starts the threads, called `name`-0, `name`-1 …; an error when one cannot be had. stop() ends those that were.
  status run(const std::string& name);
  // Accepts nothing more, calls `last` in each loop's thread, then ends and joins all. Later calls do nothing. Whatever lives in the loops
  // may be destroyed after it, before the team.
  void stop(const std::function<void(size_t loop)>& last = {});

private:
  explicit loop_team(std::string log_name);
  void deal(const std::shared_ptr<taker>& t, int fd, std::string peer);

  std::string log_name_;
  std::vector<std::unique_ptr<io_loop>> loops_;
  std::vector<std::unique_ptr<acceptor>> acceptors_; // in the first loop
  std::vector<std::thread> threads_;
  size_t next_ = 0;
  bool stopped_ = false;
};

} // namespace actord::net
