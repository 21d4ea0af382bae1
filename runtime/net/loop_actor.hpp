// A CAF actor that lives in an io_loop's thread: its messages, and the answers to its requests (request().then()), are
// processed by the loop beside the sockets, so that handlers share state with descriptors without locks.
#pragma once
#include "runtime/net/io_loop.hpp"
#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/behavior.hpp>
#include <caf/extend.hpp>
#include <caf/mixin/behavior_changer.hpp>
#include <caf/mixin/requester.hpp>
#include <caf/mixin/sender.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/scoped_execution_unit.hpp>
#include <functional>
#include <mutex>
#include <vector>

namespace actord::net {
class loop_actor;
}

namespace caf {
template <> class behavior_type_of<actord::net::loop_actor> {
public:
  using type = behavior;
};
} // namespace caf

namespace actord::net {

// Keeps the actor alive and reaches its members; copyable, for the loop's thread.
class loop_actor_ptr {
public:
  loop_actor_ptr() = default;
  loop_actor_ptr(caf::strong_actor_ptr hold, loop_actor* self) : hold_(std::move(hold)), self_(self) {}
  loop_actor* get() const { return self_; }
  loop_actor* operator->() const { return self_; }
  explicit operator bool() const { return self_ != nullptr; }
  const caf::strong_actor_ptr& address() const { return hold_; } // what goes into a reply_to or sink

private:
  caf::strong_actor_ptr hold_;
  loop_actor* self_ = nullptr;
};

class loop_actor : public caf::extend<caf::scheduled_actor, loop_actor>::with<caf::mixin::sender, caf::mixin::requester,
                                                                              caf::mixin::behavior_changer> {
public:
  using super = caf::extend<caf::scheduled_actor, loop_actor>::with<caf::mixin::sender, caf::mixin::requester,
                                                                    caf::mixin::behavior_changer>;
  using signatures = caf::none_t;
  using behavior_type = caf::behavior;

  loop_actor(caf::actor_config& cfg, io_loop* loop);
  ~loop_actor() override;

  // Makes one whose messages `loop` processes. Called before the loop runs or in its thread. The caller holds the
  // pointer until quit_loop() was called. `handlers` makes the behaviour.
  static loop_actor_ptr make(caf::actor_system& sys, io_loop& loop,
                             const std::function<caf::behavior(loop_actor*)>& handlers);
  caf::strong_actor_ptr address(); // what others send to and what goes into a reply_to

  // Ends the actor: pending requests are forgotten, later messages are dropped, later requests are refused. In the
  // loop's thread, or after the loop stopped; the loop may be destroyed afterwards.
  void quit_loop();

  // CAF's side: called by any thread that sends.
  void enqueue(caf::mailbox_element_ptr element, caf::execution_unit* host) override;
  void enqueue(caf::strong_actor_ptr from, caf::message_id mid, caf::message content, caf::execution_unit* host) override;
  void launch(caf::execution_unit* host, bool lazy, bool hide) override;

private:
  void process();
  io_loop* loop_;
  caf::scoped_execution_unit host_;
  std::mutex mutex_;
  std::vector<caf::mailbox_element_ptr> inbox_; // guarded by mutex_
  bool ended_ = false;                          // guarded by mutex_
  std::vector<caf::mailbox_element_ptr> batch_;
};

} // namespace actord::net
