// A connection of the server port that turned out to come from a server of ours: from who accepts there (api/consul_rpc) to the
// peers actor.
#pragma once
#include "actors/messages/messages.hpp"
#include <caf/typed_actor.hpp>
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

struct port_connection { // its first byte, peer::stream_type, was read
  std::shared_ptr<descriptor> socket;
};

using port_handle = caf::typed_actor<caf::reacts_to<port_connection>>;

} // namespace actord

ACTORD_LOCAL_MESSAGE(actord::port_connection)
