#include "api/http/query_groups.hpp"
#include "api/http/front.hpp"

namespace actord::http {

namespace {
constexpr size_t answers_per_turn = 256; // so that ten thousand woken watchers do not hold up everybody else
}

query_groups::query_groups(front& f, net::io_loop& loop)
    : front_(f), due_(loop, [this](const due_group& due) { look_again(due); }), late_(loop, [this](const late_waiter& w) {
        if (const auto c = still_waiting(w.who, w.serial); c && c->group) timed_out(c.get());
      }) {}

void query_groups::clear() {
  answering_.clear();
  due_.clear();
  late_.clear();
}

query_group& query_groups::group_of(const std::string& key, const bound_read& read) {
  auto& slot = groups_[key];
  if (!slot) {
    slot = std::make_unique<query_group>();
    slot->key = key;
    slot->read = read.keep();
  }
  return *slot;
}

bool query_groups::join(const std::string& key, uint64_t min_index, connection& c, nanos wait) {
  auto it = groups_.find(key);
  if (it == groups_.end() || it->second->watch_id == 0 || min_index < it->second->last_index) return false;
  // The group's watch covers every change since its view, so there is nothing to look at before it fires.
  add(*it->second, c, min_index, wait);
  return true;
}

void query_groups::park(const std::string& key, const bound_read& read, uint64_t index, std::vector<topic>& topics, raft_index seen, uint64_t min_index,
                        connection& c, nanos wait) {
  query_group& g = group_of(key, read);
  if (g.watch_id == 0) {
    g.last_index = index;
    watch(g, topics, seen);
  }
  add(g, c, min_index, wait);
}

void query_groups::add(query_group& g, connection& c, uint64_t min_index, nanos wait) {
  c.set_busy();
  c.group = &g;
  c.waiter_at = g.waiters.size();
  auto deadline = front_.loop().call_after(wait, [this, who = &c] {
    late_.put({who->weak_from_this(), who->serial()});
    late_.begin();
  });
  g.waiters.push_back({&c, min_index, deadline});
  ++parked_;
}

void query_groups::remove_at(query_group& g, size_t at) {
  front_.loop().cancel(g.waiters[at].deadline);
  g.waiters[at].who->group = nullptr;
  if (at + 1 != g.waiters.size()) {
    g.waiters[at] = g.waiters.back();
    g.waiters[at].who->waiter_at = at;
  }
  g.waiters.pop_back();
  --parked_;
}

void query_groups::leave(connection& c) {
  query_group& g = *c.group;
  remove_at(g, c.waiter_at);
  drop_if_empty(g);
}

void query_groups::watch(query_group& g, std::vector<topic>& topics, raft_index seen) {
  g.watch_id = next_watch_++;
  by_watch_.emplace(g.watch_id, &g);
  front_.send_watch({g.watch_id, topics, seen, nullptr});
}

void query_groups::drop_if_empty(query_group& g) {
  if (!g.waiters.empty()) return;
  if (g.watch_id != 0) {
    by_watch_.erase(g.watch_id);
    front_.send_unwatch(g.watch_id);
  }
  groups_.erase(groups_.find(g.key));
}

void query_groups::fired(const watch_fired& m) {
  for (uint64_t id : m.ids) {
    auto it = by_watch_.find(id);
    if (it == by_watch_.end()) continue; // it was removed while the news was on its way
    query_group& g = *it->second;
    by_watch_.erase(it);
    g.watch_id = 0;
    if (g.job != 0) continue; // the watch that is set behind it sees what it does not
    g.job = next_job_++;
    due_.put({g.key, g.job});
  }
  due_.begin();
}

// Of very many groups one change may concern all.
void query_groups::look_again(const due_group& due) {
  auto it = groups_.find(due.key);
  if (it == groups_.end() || it->second->job != due.job) return; // all have left meanwhile
  if (front_.run_again_elsewhere(*it->second, false)) return;
  auto outcome = front_.run_again(*it->second, true);
  if (outcome.too_long && front_.run_again_elsewhere(*it->second, true)) return;
  if (outcome.too_long) outcome = front_.run_again(*it->second, false);
  recomputed(due.key, due.job, std::move(outcome));
}

void query_groups::recomputed(const std::string& key, uint64_t job, front_rerun outcome) {
  auto it = groups_.find(key);
  if (it == groups_.end() || it->second->job != job) return; // all have left meanwhile
  query_group& g = *it->second;
  g.job = 0;
  if (g.watch_id != 0) { // set for a newcomer
    by_watch_.erase(g.watch_id);
    front_.send_unwatch(g.watch_id);
    g.watch_id = 0;
  }
  answer_group(g, std::move(outcome));
}

void query_groups::answer_group(query_group& g, front_rerun outcome) {
  std::shared_ptr<encoded_answer> answer;
  for (size_t i = g.waiters.size(); i-- > 0;) {
    auto& w = g.waiters[i];
    if (outcome.index <= w.min_index && !outcome.failed) continue;
    if (!answer) answer = std::make_shared<encoded_answer>(std::move(outcome.out));
    answering_.push_back({w.who->weak_from_this(), w.who->serial(), answer});
    remove_at(g, i);
  }
  if (!g.waiters.empty()) {
    g.last_index = outcome.index;
    watch(g, outcome.topics, outcome.seen);
  }
  drop_if_empty(g);
  if (answer && answering_.size() > 0) answer_some();
}

void query_groups::answer_some() {
  for (size_t n = 0; n < answers_per_turn && !answering_.empty(); ++n) {
    answer_due due = std::move(answering_.front());
    answering_.pop_front();
    if (auto c = still_waiting(due.who, due.serial)) front_.send_shared(*c, *due.answer);
  }
  if (!answering_.empty()) front_.loop().post([this] { answer_some(); });
}

// The wait is over: the answer as it is now.
void query_groups::timed_out(connection* c) {
  auto keep = c->shared_from_this();
  query_group& g = *c->group;
  const auto elsewhere = [&](bool known_to_be_long) {
    if (!front_.answer_elsewhere(g, *c, known_to_be_long)) return false;
    remove_at(g, c->waiter_at);
    drop_if_empty(g);
    return true;
  };
  if (elsewhere(false)) return;
  auto outcome = front_.run_again(g, true);
  if (outcome.too_long && elsewhere(true)) return;
  if (outcome.too_long) outcome = front_.run_again(g, false);
  remove_at(g, c->waiter_at);
  drop_if_empty(g);
  front_.send_shared(*c, *std::make_shared<encoded_answer>(std::move(outcome.out)));
}

} // namespace actord::http
