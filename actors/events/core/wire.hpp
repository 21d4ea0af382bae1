// A user event as its bytes are gossiped: a msgpack map in the new specification (str8, bin), names sorted, filters and
// payload left out when empty (actors/members/serf.md, User events).
#pragma once
#include "runtime/base/error.hpp"
#include "storage/model/user_event.hpp"

namespace actord {
class pattern; // runtime/base/pattern.hpp
}

namespace actord::events {

inline constexpr std::string_view event_prefix = "consul:event:";     // before the name, in the pool
inline constexpr std::string_view new_leader_event = "consul:new-leader";

std::string encode_event(const user_event_record& e);
// Foreign bytes: unknown names are skipped; the Lamport time is not in them.
result<user_event_record> decode_event(std::string_view bytes);

// 36 characters from 16 random bytes, as Consul's go-uuid: no version or variant bits.
std::string format_uuid(const unsigned char (&random)[16]);

result<pattern> compile_filter(std::string_view text);
// Consul's refusals of an event that is to be fired.
status check_event(const user_event_record& e);

} // namespace actord::events
