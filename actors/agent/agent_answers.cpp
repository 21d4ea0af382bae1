// When whoever changed something here is answered: core/pending_answers decides, this carries it out. And what a reload changes.
#include "actors/agent/agent_state.hpp"
#include "runtime/base/broken_rule.hpp"
#include "runtime/base/log.hpp"
#include <caf/event_based_actor.hpp>

namespace actord::agent {

// What is asked for together is synced together, and told together: behind all that waits in the mailbox.
void agent_state::flush_soon() {
  if (std::exchange(flush_due_, true)) return;
  alone_ = self_->mailbox().empty();
  self_->send(self_, journal_flush{});
}

caf::result<agent_done> agent_state::when_settled(agent_done d, registration fresh) {
  const auto changes = std::exchange(asked_for_, {});
  if (d.failure.code != errc::none) return d;
  auto promise = self_->make_response_promise<agent_done>();
  settle(promise, changes, std::move(fresh));
  return promise;
}

void agent_state::settle(const caf::typed_response_promise<agent_done>& promise, const std::vector<catalog_change>& changes, registration fresh) {
  const nanos t = now();
  answers_.servers_there(knows_leader(), t);
  const uint64_t ticket = answers_.add(changes, journal_ && !journal_->synced() && !broken(rule::registration_synced), t);
  asked_.emplace(ticket, asked{promise, std::move(fresh)});
  deliver();
}

void agent_state::flush() {
  flush_due_ = false;
  synchronize(now(), answers_.wait_for_catalog()); // first: the servers sync it while we do
  if (answers_.wait_for_journal()) answers_.journal_synced(sync_journal());
  deliver();
  arm(now());
}

void agent_state::deliver() {
  for (auto& a : answers_.drain()) {
    auto it = asked_.extract(a.ticket);
    if (a.failure.code != errc::none) undo(it.mapped().fresh);
    it.mapped().promise.deliver(agent_done{a.failure});
  }
}

// What would not survive a restart is not registered; what was there before stays with its new face.
void agent_state::undo(const registration& fresh) {
  if (fresh.id.empty()) return;
  const error e = fresh.is_check ? local_->remove_check(fresh.id) : local_->remove_service(fresh.id);
  if (e.code == errc::none) (void)perform_effects();
}

// A follower hears from the leader what was applied there, a little before it is to be read here.
void agent_state::catalog_told(uint64_t index) {
  auto told = sync_->drain_told();
  if (told.empty()) return;
  if (views_ && index > deps_.status->applied.load(std::memory_order_acquire)) told_ahead_.emplace_back(index, std::move(told));
  else answers_.catalog_has(told);
}

void agent_state::look_at_applied() {
  if (told_ahead_.empty()) return;
  const uint64_t applied = deps_.status->applied.load(std::memory_order_acquire);
  std::erase_if(told_ahead_, [&](auto& ahead) {
    if (ahead.first > applied) return false;
    answers_.catalog_has(ahead.second);
    return true;
  });
}

// What a reload read: applied, and all who asked for it are answered.
void agent_state::config_read() {
  const auto found = std::exchange(config_found_, nullptr);
  if (!found || !*found) return;
  const auto done = apply(**found);
  const auto changes = std::exchange(asked_for_, {});
  for (auto& promise : std::exchange(reloading_, std::exchange(reload_again_, {}))) {
    if (done.failure.code != errc::none) promise.deliver(done);
    else settle(promise, changes, {});
  }
  if (!reloading_.empty()) read_config();
}

agent_done agent_state::apply(const new_config& c) {
  auto fresh = c.apply ? (*c.apply)() : result<node_config>(c.apply.err());
  if (!fresh) {
    log::err("agent", "Failed to reload configs: error=\"{}\"", fresh.err().text);
    return {fresh.err()};
  }
  auto defined = read_definitions(*fresh);
  if (!defined) return {error{defined.err().code, "Failed reloading services: " + defined.err().text}};
  local_->release_file_checks(defined->services, defined->checks);
  error e = local_->replace_file_services(defined->services, now());
  if (e.code != errc::none) e.text.insert(0, "Failed reloading services: ");
  error of_checks = local_->replace_file_checks(defined->checks, now());
  if (e.code == errc::none && of_checks.code != errc::none) {
    e = std::move(of_checks);
    e.text.insert(0, "Failed reloading checks: ");
  }
  config_.services = fresh->services;
  config_.checks = fresh->checks;
  local_->discard_output(fresh->discard_check_output);
  if (config_.node_meta != fresh->node_meta) {
    config_.node_meta = fresh->node_meta;
    deps_.board->put_node_meta(config_.node_meta);
    sync_->change_identity(own_identity());
  }
  return finish(std::move(e));
}

} // namespace actord::agent
