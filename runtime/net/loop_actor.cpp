#include "runtime/net/loop_actor.hpp"
#include <caf/detail/sync_request_bouncer.hpp>

namespace actord::net {

loop_actor::loop_actor(caf::actor_config& cfg, io_loop* loop) : super(cfg), loop_(loop), host_(&system()) {}
loop_actor::~loop_actor() = default;

loop_actor_ptr loop_actor::make(caf::actor_system& sys, io_loop& loop,
                                const std::function<caf::behavior(loop_actor*)>& handlers) {
  caf::actor handle = sys.spawn<loop_actor>(&loop);
  auto* raw = static_cast<loop_actor*>(caf::actor_cast<caf::abstract_actor*>(handle));
  loop_actor_ptr self(caf::actor_cast<caf::strong_actor_ptr>(handle), raw);
  self->context(&self->host_);
  self->become(handlers(self.get()));
  return self;
}

caf::strong_actor_ptr loop_actor::address() { return caf::strong_actor_ptr{ctrl()}; }

void loop_actor::launch(caf::execution_unit*, bool, bool hide) {
  // It never counts as running: shutdown ends it through its owner, not by waiting for it.
  (void)hide;
}

void loop_actor::enqueue(caf::mailbox_element_ptr element, caf::execution_unit*) {
  bool first;
  {
    std::lock_guard lock(mutex_);
    if (ended_) {
      caf::detail::sync_request_bouncer refuse{caf::exit_reason::user_shutdown};
      if (element) refuse(*element);
      return;
    }
    first = inbox_.empty();
    inbox_.push_back(std::move(element));
    // Posted under the lock: after quit_loop() nobody touches the loop, which may be gone.
    if (first) loop_->post([hold = caf::strong_actor_ptr{ctrl()}, this] { process(); });
  }
}

void loop_actor::enqueue(caf::strong_actor_ptr from, caf::message_id mid, caf::message content, caf::execution_unit* host) {
  enqueue(caf::make_mailbox_element(std::move(from), mid, {}, std::move(content)), host);
}

void loop_actor::process() {
  {
    std::lock_guard lock(mutex_);
    batch_.swap(inbox_);
  }
  for (auto& element : batch_) {
    if (element) activate(&host_, *element);
    element.reset();
  }
  batch_.clear();
}

void loop_actor::quit_loop() {
  {
    std::lock_guard lock(mutex_);
    if (ended_) return;
    ended_ = true;
    batch_.swap(inbox_);
  }
  batch_.clear();
  cleanup(caf::error{caf::exit_reason::user_shutdown}, &host_);
}

} // namespace actord::net
