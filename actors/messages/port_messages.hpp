// A connection of the server port that turned out to come from a server of ours: from who accepts there (api/consul_rpc) to the
// peers actor.
#pragma once
#include "actors/messages/messages.hpp"
#include <caf/typed_actor.hpp>
#include <functional>
#include <memory>
#include <unistd.h>
#include <utility>

namespace actord {

class descriptor { // closed when nobody took it
public:
  explicit descriptor(int fd) : fd_(fd) {}
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int take() { return std::exchange(fd_, -1); } // -1 when it was taken before

private:
  int fd_;
};

// On its way to another thread; `then` is called, by whoever holds it last, once it was taken or dropped.
inline std::shared_ptr<descriptor> hand_over(int fd, std::function<void()> then) {
  struct on_its_way {
    on_its_way(int f, std::function<void()> t) : socket(f), then(std::move(t)) {}
    ~on_its_way() { then(); }
    on_its_way(const on_its_way&) = delete;
    descriptor socket;
    std::function<void()> then;
  };
  auto held = std::make_shared<on_its_way>(fd, std::move(then));
  return {held, &held->socket};
}

struct port_connection { // its first byte, peer::stream_type, was read
  std::shared_ptr<descriptor> socket;
};

using port_handle = caf::typed_actor<caf::reacts_to<port_connection>>;

} // namespace actord

ACTORD_LOCAL_MESSAGE(actord::port_connection)
