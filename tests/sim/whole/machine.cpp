#include "tests/sim/whole/machine.hpp"
#include "runtime/base/simulated_disk.hpp"
#include <algorithm>
#include <caf/send.hpp>
#include <cstring>

namespace actord::sim::whole {

void machine::start(surroundings& w, caf::actor_clock::time_point at) {
  config_.set("scheduler.policy", caf::atom("testing"));
  system_ = std::make_unique<caf::actor_system>(config_);
  jobs_ = dynamic_cast<caf::scheduler::test_coordinator*>(&system_->scheduler());
  clock_ = &jobs_->clock();
  clock_->current_time = at;
  outside_ = std::make_shared<outside>(outside{&w, this});
}

void machine::kill(const std::function<void()>& end) {
  if (outside_) outside_->self = nullptr;
  simulated_disk = disk::gone;
  end();
  while (jobs_ && jobs_->has_job()) jobs_->run_once();
  simulated_disk = disk::real;
}

machine::job machine::kind_of(caf::resumable* r) {
  static constexpr const char* names[] = {"raft", "log-writer", "state", "watch", "snapshot", "autopilot", "session", "peers", "front",
                                          "pool", "leader", "servers", "agent", "persister", "rpc-client"};
  const auto* actor = dynamic_cast<caf::local_actor*>(r);
  if (actor)
    for (uint8_t i = 0; i < job_other; ++i)
      if (std::strcmp(names[i], actor->name()) == 0) return static_cast<job>(i);
  return job_other;
}

uint64_t machine::busy_after(job j) {
  if (j == job_other) return 0;
  if (tempo_.stall > 0 && random_.chance(tempo_.stall)) return random_.between(5'000, 100'000);
  if (j == job_log_writer || j == job_snapshot || j == job_persister) return random_.below(1 + (tempo_.slow_disk > 0 ? tempo_.slow_disk : tempo_.disk));
  if (j == job_state) return random_.below(1 + std::max(tempo_.apply, tempo_.slow_disk / 4));
  if (j == job_agent && tempo_.slow_disk > 0) return random_.below(1 + tempo_.slow_disk / 4);
  return random_.chance(0.6) ? 0 : random_.below(1 + tempo_.usual);
}

void machine::advance(caf::actor_clock::time_point local) {
  if (local > clock_->current_time) clock_->advance_time(local - clock_->current_time);
}

void machine::work(uint64_t now) {
  simulated_disk = full_ && full_->load() ? disk::full : disk::real;
  std::array<size_t, 16> ready{};
  for (;;) {
    size_t count = 0;
    for (size_t i = 0; i < jobs_->jobs.size() && count < ready.size(); ++i)
      if (free_at_[kind_of(jobs_->jobs[i])] <= now) ready[count++] = i;
    if (count == 0) break;
    const auto at = jobs_->jobs.begin() + static_cast<std::ptrdiff_t>(ready[random_.below(count)]);
    const auto kind = kind_of(*at);
    std::rotate(jobs_->jobs.begin(), at, at + 1);
    jobs_->run_once();
    free_at_[kind] = now + busy_after(kind);
  }
  simulated_disk = disk::real;
}

uint64_t machine::next_work(uint64_t now) const {
  uint64_t next = never;
  for (auto* r : jobs_->jobs) next = std::min(next, std::max(now, free_at_[kind_of(r)]));
  return next;
}

bool machine::session_waits() const {
  return std::any_of(jobs_->jobs.begin(), jobs_->jobs.end(), [](auto* r) { return kind_of(r) == job_session; });
}

caf::actor_clock::time_point machine::next_timer() const {
  const auto& timers = clock_->schedule();
  return timers.empty() ? caf::actor_clock::time_point::max() : timers.begin()->first;
}

void machine::in_front(std::function<void(caf::event_based_actor*)> f) { caf::anon_send(front, node_call{std::move(f)}); }

} // namespace actord::sim::whole
