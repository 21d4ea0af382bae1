#include "storage/command/session_rules.hpp"

namespace actord {

status check_new_session(const session_record& s, nanos least_ttl) {
  constexpr nanos longest_ttl = std::chrono::hours(24);
  auto refuse = [](std::string text) -> status { return error{errc::internal, std::move(text)}; };
  if (s.node.empty()) return refuse("Must provide Node");
  if (!s.behavior.empty() && s.behavior != session_behavior_release && s.behavior != session_behavior_delete)
    return refuse("Invalid Behavior setting '" + s.behavior + "'");
  if (s.ttl.empty()) return {};
  auto ttl = parse_duration(s.ttl);
  if (!ttl) return refuse("Session TTL '" + s.ttl + "' invalid: " + ttl.err().text);
  if (ttl->count() != 0 && (*ttl < least_ttl || *ttl > longest_ttl))
    return refuse("Invalid Session TTL '" + std::to_string(ttl->count()) + "', must be between [" + format_duration(least_ttl) + "=" +
                  format_duration(longest_ttl) + "]");
  return {};
}

} // namespace actord
