#include "actors/events/core/event_core.hpp"
#include "actors/events/core/wire.hpp"
#include "runtime/base/pattern.hpp"
#include <algorithm>
#include <optional>

namespace actord::events {
namespace {

// False with a complaint when the text is no regular expression; nothing in `out` when it is empty.
bool compile(const char* which, const std::string& text, const std::string& event, std::optional<pattern>& out, verdict& v) {
  if (text.empty()) return true;
  auto made = compile_filter(text);
  if (made) return out = std::move(*made), true;
  v.complaint = std::string("Failed to parse ") + which + " filter for event: filter=" + text + " event=" + event + " error=\"" + made.err().text + "\"";
  return false;
}

} // namespace

verdict concerns_us(const user_event_record& e, const std::string& node, const std::vector<local_service>& services) {
  verdict v;
  std::optional<pattern> by_node, by_service, by_tag;
  if (!compile("node", e.node_filter, e.name, by_node, v)) return v;
  if (by_node && !by_node->matches(node)) return v;
  if (!compile("service", e.service_filter, e.name, by_service, v)) return v;
  if (!by_service) return v.ours = true, v;
  if (!compile("tag", e.tag_filter, e.name, by_tag, v)) return v;
  v.ours = std::ranges::any_of(services, [&](auto& s) {
    return by_service->matches(s.id) && (!by_tag || std::ranges::any_of(s.tags, [&](auto& t) { return by_tag->matches(t); }));
  });
  return v;
}

void event_core::add(user_event_record e) {
  kept_.push_back(std::make_shared<const user_event_record>(std::move(e)));
  if (kept_.size() > events_kept) kept_.pop_front();
}

event_list named(const event_list& all, std::string_view name) {
  if (name.empty()) return all;
  event_list out;
  for (auto& e : all)
    if (e->name == name) out.push_back(e);
  return out;
}

uint64_t index_of(const event_list& events) { return events.empty() ? 1 : event_index(events.back()->id); }

} // namespace actord::events
