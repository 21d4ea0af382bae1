// The user events that this agent has heard, for readers in other threads. Who wants to wait for the next one asks the
// actor.
#pragma once
#include "actors/events/core/event_core.hpp"
#include "actors/messages/event_messages.hpp"
#include <mutex>

namespace actord {

class event_board {
public:
  struct view {
    std::shared_ptr<const events::event_list> events; // never null
    uint64_t number = 0;                              // another for every list
  };
  view look() const {
    std::lock_guard hold(mutex_);
    return view_;
  }
  void publish(events::event_list list) {
    auto fresh = std::make_shared<const events::event_list>(std::move(list));
    std::lock_guard hold(mutex_);
    view_ = {std::move(fresh), view_.number + 1};
  }
  events_handle actor; // set before anybody reads

private:
  mutable std::mutex mutex_;
  view view_{std::make_shared<const events::event_list>(), 0};
};

} // namespace actord
