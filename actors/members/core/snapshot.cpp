#include "actors/members/core/snapshot.hpp"
#include "actors/members/core/address_text.hpp"
#include <algorithm>
#include <charconv>

namespace actord::members {

namespace {

constexpr size_t least_to_compact = 128 << 10, bytes_per_node = 128, slack = 2;
constexpr size_t address_text_limit = 64;

// A name with a line break would be two lines, the second of somebody else's choice.
bool writable(const node_name& n) {
  return !n.empty() && std::none_of(n.begin(), n.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

std::string clock_line(std::string_view name, lamport_time t) { return std::string(name) + ": " + std::to_string(t); }

class replay {
public:
  replay(bool rejoin_after_leave) : rejoin_after_leave_(rejoin_after_leave) {}
  bool line(std::string_view l) {
    if (l.starts_with("#") || l.starts_with("coordinate: ")) return true;
    if (take(l, "alive: ")) {
      const auto space = l.rfind(' ');
      if (space == 0 || space == l.npos || l.size() - space - 1 > address_text_limit || space > name_limit) return false;
      if (out.alive.size() >= snapshot_nodes) return false;
      out.alive.insert_or_assign(node_name(l.substr(0, space)), std::string(l.substr(space + 1)));
      return true;
    }
    if (take(l, "not-alive: ")) {
      out.alive.erase(node_name(l));
      return true;
    }
    if (take(l, "clock: ")) return number(l, out.clocks.member);
    if (take(l, "event-clock: ")) return number(l, out.clocks.event);
    if (take(l, "query-clock: ")) return number(l, out.clocks.query);
    if (l != "leave") return false;
    if (!rejoin_after_leave_) out = {};
    return true;
  }
  snapshot_contents out;

private:
  static bool take(std::string_view& l, std::string_view prefix) {
    if (!l.starts_with(prefix)) return false;
    l.remove_prefix(prefix.size());
    return true;
  }
  static bool number(std::string_view l, lamport_time& to) {
    lamport_time t = 0;
    const auto [end, error] = std::from_chars(l.data(), l.data() + l.size(), t);
    if (error != std::errc{} || end != l.data() + l.size() || t >= time_limit) return false;
    to = t;
    return true;
  }
  bool rejoin_after_leave_;
};

} // namespace

snapshot_contents read_snapshot(std::string_view text, bool rejoin_after_leave, size_t* skipped) {
  replay r(rejoin_after_leave);
  for (size_t end; (end = text.find('\n')) != text.npos; text.remove_prefix(end + 1))
    if (!r.line(text.substr(0, end)) && skipped != nullptr) ++*skipped;
  return std::move(r.out);
}

void snapshot_writer::line(std::string text) {
  text.push_back('\n');
  size_ += text.size();
  lines_ += text;
}

void snapshot_writer::on(const tell_member_event& e) {
  if (leaving_ || !writable(e.who.name)) return;
  switch (e.change) {
  case member_change::join: {
    auto at = address_text(e.who.at);
    line("alive: " + e.who.name + " " + at);
    now_.alive.insert_or_assign(e.who.name, std::move(at));
    break;
  }
  case member_change::leave:
  case member_change::failed:
    now_.alive.erase(e.who.name);
    line("not-alive: " + e.who.name);
    break;
  default: break;
  }
}

void snapshot_writer::on(const clock_times& t) {
  auto note = [&](std::string_view name, lamport_time& kept, lamport_time seen) {
    if (seen <= kept) return;
    kept = seen;
    line(clock_line(name, seen));
  };
  note("clock", now_.clocks.member, t.member);
  note("event-clock", now_.clocks.event, t.event);
  note("query-clock", now_.clocks.query, t.query);
}

void snapshot_writer::leave() {
  leaving_ = true;
  if (!rejoin_after_leave_) now_ = {};
  line("leave");
}

std::string snapshot_writer::take() { return std::exchange(lines_, {}); }

bool snapshot_writer::wants_compaction() const {
  return size_ > std::max(least_to_compact, now_.alive.size() * bytes_per_node * slack);
}

std::string snapshot_writer::compacted() {
  lines_.clear();
  size_ = 0;
  for (const auto& [name, at] : now_.alive) line("alive: " + name + " " + at);
  line(clock_line("clock", now_.clocks.member));
  line(clock_line("event-clock", now_.clocks.event));
  line(clock_line("query-clock", now_.clocks.query));
  return take();
}

} // namespace actord::members
