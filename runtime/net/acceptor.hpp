// Takes the connections of a listener in a loop's thread, and pauses where the process is out of descriptors: trying again at once would
// spin.
#pragma once
#include "runtime/net/io_loop.hpp"
#include <string>

namespace actord::net {

class acceptor final : public io_handler {
public:
  // The descriptor is the taker's then; `peer` is an IP literal, "" for a unix socket.
  using taker = std::function<void(int fd, std::string peer)>;
  // The listener is the acceptor's, closed at its end. `log_name` is whose trouble is told of. `spare` is called before each pause, to
  // give up what is worth least; it may be empty.
  acceptor(io_loop& loop, int listener, std::string log_name, taker t, std::function<void()> spare = {});
  ~acceptor() override;
  acceptor(const acceptor&) = delete;

  status start();
  void stop(); // nothing more is taken; in the loop's thread, or when that does not run
  void on_io(uint32_t events) override;

private:
  void pause_if(int failure);
  io_loop& loop_;
  int fd_;
  std::string log_name_;
  taker taker_;
  std::function<void()> spare_;
  timer_id pause_ = 0;
  io_loop::clock::time_point told_{};
};

} // namespace actord::net
