#include "api/consul_rpc/reads.hpp"

namespace actord::consul_rpc {

void append_reply(std::string& out, std::string_view field, std::string_view head, std::string_view value, const rpc::reply_meta& meta) {
  constexpr size_t others = 96; // bytes, about
  out.reserve(out.size() + head.size() + value.size() + others);
  msgpack_writer w(out);
  w.map(5);
  bool done = false;
  auto before = [&](std::string_view name) {
    if (!done && field < name) {
      w.raw(field);
      (out += head) += value;
      done = true;
    }
    return name;
  };
  w.raw(before("ConsistencyLevel")), w.raw(meta.consistency_level);
  w.raw(before("Index")), w.number(meta.index);
  w.raw(before("KnownLeader")), w.boolean(meta.known_leader);
  w.raw(before("LastContact")), w.number(static_cast<int64_t>(meta.last_contact.count()));
  before("\xff");
}

std::string list_head(size_t count, bool or_empty) {
  std::string out;
  msgpack_writer w(out);
  if (count == 0 && !or_empty) w.nil();
  else w.array(count);
  return out;
}

} // namespace actord::consul_rpc
