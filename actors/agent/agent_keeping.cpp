// What was acknowledged is kept: in the journal at once, in Consul's files soon.
#include "actors/agent/agent_state.hpp"
#include "runtime/base/files.hpp"
#include "runtime/base/log.hpp"
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <algorithm>

namespace actord::agent {

using namespace std::chrono_literals;

namespace {

constexpr nanos quiet_before_write = 150ms; // files wait for a pause in the registrations…
constexpr nanos longest_before_write = 2s;  // …but not longer
constexpr nanos journal_sync_delay = 5ms;   // for changes that nobody waits for
constexpr nanos least_write_back_off = 1s, most_write_back_off = 30s;

} // namespace

error agent_state::ready_to_keep() {
  if (!journal_) return {};
  folder_gone_ |= journal_->is_gone();
  if (folder_gone_)
    if (auto e = keep_all_again(); e.code != errc::none) return e;
  auto s = journal_->ready();
  return s ? error() : s.err();
}

// What was acknowledged is here, in memory: it goes into the journal with whatever the request at hand changes.
error agent_state::keep_all_again() {
  log::err("agent", "The data directory, or the registration journal in it, was removed or replaced while the agent runs; what is registered is written there again: data_dir={}", config_.data_dir);
  auto s = deps_.remake_folder ? deps_.remake_folder() : make_folder(config_.data_dir);
  if (s) s = journal_->begin_again();
  if (!s) {
    log::err("agent", "Nothing can be registered until there is a data directory: error=\"{}\"", s.err().text);
    return s.err();
  }
  folder_gone_ = false;
  journal_lacks_ = true;
  local_->save_all(now(), unix_now());
  return {};
}

error agent_state::keep(std::vector<file_change> files) {
  const nanos t = now();
  error failure;
  if (auto s = journal_->append(files); !s) {
    failure = s.err();
    journal_lacks_ = true;
    log::err("agent", "Failed to keep a registration: error=\"{}\"", failure.text);
  }
  else if (journal_failed_) failure = sync_journal(); // what nobody waits for is told, too
  for (auto& f : files) {
    unusable_.erase(f.path);
    unwritten_[f.path] = std::move(f.content);
  }
  if (journal_sync_at_.count() == 0) journal_sync_at_ = t + journal_sync_delay;
  if (write_at_.count() == 0) oldest_unwritten_ = t;
  write_at_ = std::max(std::min(t + quiet_before_write, oldest_unwritten_ + longest_before_write), write_again_at_);
  return failure;
}

error agent_state::sync_journal() {
  journal_sync_at_ = nanos(0);
  auto s = journal_->sync();
  journal_failed_ = !s;
  if (s) return {};
  log::err("agent", "Failed to keep a registration: error=\"{}\"", s.err().text);
  return s.err();
}

void agent_state::write_files(nanos t) {
  if (!restored_) return;
  if (journal_sync_at_.count() != 0 && t >= journal_sync_at_) (void)sync_journal();
  if (write_at_.count() == 0 || t < write_at_ || persister_busy_) return;
  write_at_ = nanos(0);
  persister_busy_ = true;
  batch_ = std::make_shared<files_batch>();
  batch_->changes.reserve(unwritten_.size());
  for (auto& [path, content] : unwritten_) batch_->changes.push_back({path, std::move(content)});
  unwritten_.clear();
  caf::anon_send(persister_, files_write{batch_, journal_->last_number()});
}

void agent_state::files_settled(uint64_t number) {
  persister_busy_ = false;
  const auto batch = std::exchange(batch_, nullptr);
  if (batch->failure.code == errc::none) {
    write_back_off_ = nanos(0);
    if (unwritten_.empty()) journal_lacks_ = false;
    journal_->settled(number);
  } else {
    log::err("agent", "Failed to write registrations, trying again: error=\"{}\"", batch->failure.text);
    std::vector<file_change> left;
    for (auto& c : batch->changes)
      if (unwritten_.try_emplace(c.path, c.content).second) left.push_back(std::move(c)); // unless something newer is to be there
    const nanos t = now();
    write_back_off_ = std::clamp(write_back_off_ * 2, least_write_back_off, most_write_back_off);
    write_again_at_ = t + write_back_off_;
    if (write_at_.count() == 0) oldest_unwritten_ = t;
    write_at_ = std::max(write_at_, write_again_at_);
    // So that the journal does not grow for ever because of one file: what its older files have to say is written once more.
    if (journal_->has_older_files() && journal_->ready() && journal_->append(left) && journal_->sync()) journal_->settled(number);
  }
  (void)perform_effects();
}

} // namespace actord::agent
