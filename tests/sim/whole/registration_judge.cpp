#include "tests/sim/whole/registration_judge.hpp"
#include "storage/model/catalog.hpp"
#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <limits>
#include <utility>

namespace actord::sim::whole {

namespace {

constexpr int64_t second = 1'000'000'000;
constexpr int64_t slack = 2 * second; // an actor may stand still for a moment, a disk be slow

uint64_t number_in(std::string_view text) {
  uint64_t n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}
std::set<uint64_t>& of(std::map<std::string, std::set<uint64_t>>& all, const std::string& id) {
  auto& v = all[id];
  if (v.empty()) v.insert(0);
  return v;
}

} // namespace

std::chrono::seconds registration_judge::ttl_of(const std::string& check) { return std::chrono::seconds(2 + 3 * ((check.back() - '0') % 3)); }
bool registration_judge::is_checked(const std::string& service) { return (service.back() - '0') % 2 == 0; }

void registration_judge::asked(const registrar_call& c, local_times at) {
  under_way_ = c;
  asked_at_ = at;
  using kind = registrar_call::kind;
  if (c.what != kind::beat) {
    of(c.what == kind::service ? services_ : checks_, c.id).insert(c.version);
    return checks_change(c, false, at);
  }
  auto& t = ttls_[c.id];
  const int64_t ttl = ttl_of(c.id).count();
  t.may.push_back({c.status, at.unix + ttl, std::numeric_limits<int64_t>::max()});
  t.latest = std::numeric_limits<int64_t>::max();
}

// Registered anew a check keeps its state and has all of its time again; taken away and made again it begins as critical.
void registration_judge::checks_change(const registrar_call& c, bool surely, local_times at) {
  if (c.what == registrar_call::kind::service && !is_checked(c.id)) return;
  const auto check = c.what == registrar_call::kind::service ? check_of(c.id) : c.id;
  if (c.version == 0) return forget(check, surely);
  auto& t = ttls_[check];
  t.latest = surely ? at.nanos + ttl_of(check).count() * second : std::numeric_limits<int64_t>::max();
}

void registration_judge::forget(const std::string& check, bool surely) {
  const auto at = ttls_.find(check);
  if (at == ttls_.end()) return;
  if (surely) ttls_.erase(at);
  else at->second.earliest = 0, at->second.latest = std::numeric_limits<int64_t>::max();
}

void registration_judge::told(bool done, local_times at) {
  if (!under_way_) return fail_("registrations: a program was told of something that it did not ask for");
  const auto c = *std::exchange(under_way_, std::nullopt);
  using kind = registrar_call::kind;
  const int64_t ttl = c.what == kind::beat ? ttl_of(c.id).count() : 0;
  if (c.what == kind::beat) {
    auto& t = ttls_[c.id];
    if (!t.may.empty()) t.may.back().last_expiry = at.unix + ttl;
    t.latest = at.nanos + ttl * second;
    if (!done) return; // it may have been kept nevertheless: the disk took it too late
    ++counts.beats;
    t.may.erase(t.may.begin(), t.may.end() - 1);
    t.earliest = asked_at_.nanos + ttl * second;
    return;
  }
  if (!done) return checks_change(c, false, at);
  ++(c.version == 0 ? counts.removals : counts.registrations);
  of(c.what == kind::service ? services_ : checks_, c.id) = {c.version};
  checks_change(c, true, at);
}

void registration_judge::died(local_times at) {
  const auto c = std::exchange(under_way_, std::nullopt);
  if (!c || c->what != registrar_call::kind::beat) return;
  auto& t = ttls_[c->id];
  if (!t.may.empty()) t.may.back().last_expiry = at.unix + ttl_of(c->id).count();
}

void registration_judge::compare(const agent_board& shown, bool collapse) {
  const auto one = [&](versions& all, const std::map<std::string, uint64_t>& there, const char* what) {
    for (auto& [id, version] : there)
      if (!of(all, id).contains(version)) return fail_(fmt::format("registrations: {} {} is there in version {}, its program knows of {}", what, id, version, fmt::join(of(all, id), " or ")));
    for (auto& [id, may] : all) {
      const auto at = there.find(id);
      if (at == there.end() && !may.contains(0)) return fail_(fmt::format("registrations: {} {} was acknowledged in version {}, and is not there", what, id, fmt::join(may, " or ")));
      if (collapse) may = {at == there.end() ? 0 : at->second};
    }
  };
  std::map<std::string, uint64_t> services, checks;
  for (auto& s : shown.services()) services[s->id] = static_cast<uint64_t>(s->port);
  for (auto& c : shown.checks())
    if (c->service_id.empty()) checks[c->check_id] = number_in(c->notes);
  one(services_, services, "service");
  one(checks_, checks, "check");
}

void registration_judge::began(const agent_board& shown, local_times started, local_times at) {
  compare(shown, true);
  std::map<std::string, ttl_check> now;
  for (auto& c : shown.checks()) {
    auto& before = ttls_[c->check_id];
    auto& t = now[c->check_id];
    t.shown = c->status;
    const int64_t ttl = ttl_of(c->check_id).count() * second;
    const bool lives = c->status != "critical";
    // What may have been kept, and is still worth something.
    bool explained = !lives && (before.may.empty() || before.earliest == 0);
    for (auto& b : before.may) {
      if (lives && b.status == c->status && started.unix <= b.last_expiry) explained = true;
      if (!lives && (b.status == "critical" || b.first_expiry < at.unix)) explained = true;
    }
    if (!explained)
      return fail_(lives ? fmt::format("TTL: {} is {} after a restart, which nobody said or is no longer true", c->check_id, c->status)
                         : fmt::format("TTL: the state of {} was not kept over a restart", c->check_id));
    if (!lives) continue;
    ++counts.kept_states;
    for (auto& b : before.may)
      if (b.status == c->status) t.may = {b};
    t.earliest = started.nanos + ttl;
    t.latest = at.nanos + ttl;
  }
  ttls_ = std::move(now);
}

void registration_judge::look(const agent_board& shown, local_times at, bool on_time) {
  compare(shown, false);
  for (auto& c : shown.checks()) {
    auto& t = ttls_[c->check_id];
    const bool critical = c->status == "critical";
    const bool said = std::any_of(t.may.begin(), t.may.end(), [&](auto& b) { return b.status == c->status; });
    const bool over = t.may.empty() || at.nanos >= t.earliest;
    if (!said && !(critical && over))
      return fail_(critical ? fmt::format("TTL: {} is critical {} ms before its time is over", c->check_id, (t.earliest - at.nanos) / 1'000'000)
                            : fmt::format("TTL: {} is {}, which nobody said", c->check_id, c->status));
    if (critical && !said && t.shown != "critical") ++counts.expiries;
    t.shown = c->status;
    if (!critical && on_time && t.latest < at.nanos - slack)
      return fail_(fmt::format("TTL: {} is {} {} ms after its time was over", c->check_id, c->status, (at.nanos - t.latest) / 1'000'000));
  }
}

} // namespace actord::sim::whole
