// The bytes of serf's messages: each begins with its type byte, and travels as the body of a gossip user message.
#pragma once
#include "actors/members/core/types.hpp"
#include "runtime/base/error.hpp"
#include <string_view>

namespace actord::members {

enum class serf_tag : uint8_t { // on the wire
  leave = 0, join = 1, push_pull = 2, user_event = 3, query = 4, query_response = 5, conflict_response = 6, key_request = 7,
  key_response = 8, relay = 9,
};
enum class filter_tag : uint8_t { node = 0, tag = 1 }; // on the wire

constexpr size_t meta_limit = 512;             // encoded tags
constexpr size_t name_limit = 512;             // of nodes
constexpr size_t event_limit = 9 * 1024;       // name and payload of a user event
constexpr size_t filters_limit = 64;           // of one query
constexpr lamport_time time_limit = lamport_time{1} << 62; // no honest clock gets there; a hostile one would stop ours
// Nobody misses so much between two exchanges of states. What comes unasked moves no clock further: one forged message must not use up
// the counter, since nobody's word could be newer than it.
inline bool in_reach(const lamport_clock& clock, lamport_time t) { return t < clock.time() || t - clock.time() <= lamport_time{1} << 24; }
constexpr size_t event_slots = 512;            // of the ring of events in a push/pull

std::string encode(const serf_message& m);
// Errors are errc::corrupt; errc::unsupported for a type that is not gossiped. Linear in the input.
result<serf_message> decode(std::string_view bytes);

// Push/pull user state. Entries that no honest node sends are left out.
std::string encode_state(const pool_state& s);
result<pool_state> decode_state(std::string_view bytes);

// Tags as a node's meta, for protocols that have tags (3 and up). errc::bad_request beyond meta_limit.
result<std::string> encode_tags(const tag_table& tags);
// Of an older or unknown node the whole meta is the tag `role`.
tag_table decode_tags(std::string_view meta);

std::string encode_filter(const filter& f);
result<filter> decode_filter(std::string_view bytes); // errc::unsupported for an unknown type

// Payloads of internal queries and of their answers.
std::string encode_key_request(std::string_view key);
result<std::string> decode_key_request(std::string_view bytes);
std::string encode_key_response(const key_response& r);
result<key_response> decode_key_response(std::string_view bytes);
std::string encode_conflict_response(const member* m); // null: not known
result<std::optional<member>> decode_conflict_response(std::string_view bytes);

} // namespace actord::members
