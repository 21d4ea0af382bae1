// A message that a broker sends to itself later, without a sender: one with it, still in the mailbox when the broker ends, would keep
// that broker and all that it holds alive for ever.
#pragma once
#include "runtime/base/duration.hpp"
#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

namespace actord {

template <class Self, class Message> void remind(Self* self, nanos after, Message m) {
  caf::delayed_anon_send(caf::actor_cast<caf::actor>(self), after, std::move(m));
}

} // namespace actord
