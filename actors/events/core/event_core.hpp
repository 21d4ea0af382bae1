// Which user events concern this agent, and the last of them.
#pragma once
#include "storage/model/user_event.hpp"
#include <deque>
#include <memory>

namespace actord::events {

inline constexpr size_t events_kept = 256;

using event_ptr = std::shared_ptr<const user_event_record>;
using event_list = std::vector<event_ptr>; // oldest first

struct local_service {
  std::string id;
  std::vector<std::string> tags;
};

struct verdict {
  bool ours = false;
  std::string complaint = {}; // for the log: a filter that is no regular expression
};
// Node filter on the node's name, service filter on the ids of local services, tag filter on the tags of those that match.
verdict concerns_us(const user_event_record& e, const std::string& node, const std::vector<local_service>& services);

class event_core {
public:
  void add(user_event_record e);
  event_list list() const { return {kept_.begin(), kept_.end()}; }

private:
  std::deque<event_ptr> kept_;
};

// Of that name ("" for all), and the index of a list that ends with them: never 0, so that nobody asks without pause.
event_list named(const event_list& all, std::string_view name);
uint64_t index_of(const event_list& events);

} // namespace actord::events
