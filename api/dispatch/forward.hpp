// A read that a server carries out: its arguments as they are passed on, and the server's reply as rows for the same sinks that the state's
// rows go into.
#pragma once
#include "api/endpoints/endpoint.hpp"
#include "runtime/base/msgpack_codec.hpp"

namespace actord::dispatch {

// A reply's map: the meta's fields, and one of this name that `take` reads. False when it does not decode.
template <class Take> bool read_reply(std::string_view reply, std::string_view field, rpc::reply_meta& meta, Take&& take) {
  msgpack_reader r(reply);
  if (r.peek() != msgpack_reader::kind::map) return false;
  for (auto n = r.map(); n > 0 && r.ok(); --n) {
    const auto name = r.raw();
    if (name == "Index") meta.index = r.uint();
    else if (name == "KnownLeader") meta.known_leader = r.boolean();
    else if (name == "LastContact") meta.last_contact = nanos(r.sint());
    else if (name == field) take(r);
    else r.skip();
  }
  return r.ok();
}
// What it tells of the server that gave it.
inline bool read_meta(std::string_view reply, rpc::reply_meta& meta) {
  return read_reply(reply, {}, meta, [](msgpack_reader& r) { r.skip(); });
}

// False when it does not decode: what `to` was given then does not count.
template <class Args, class Row>
bool take_reply(const endpoints::read_endpoint<Args, endpoints::rows<Row>>& e, std::string_view reply, endpoints::rows<Row>& to, rpc::reply_meta& meta) {
  return read_reply(reply, e.field, meta, [&](msgpack_reader& r) {
    bool wanted = true;
    for (auto n = r.array(); n > 0 && r.ok(); --n) {
      Row one{};
      msgpack_decode(r, one);
      if (wanted && r.ok()) wanted = to.take(std::move(one));
    }
  });
}

template <class Args, class Answer>
bool take_reply(const endpoints::read_endpoint<Args, Answer>& e, std::string_view reply, Answer& to, rpc::reply_meta& meta) {
  if (e.field.empty()) {
    if (!from_msgpack(reply, to)) return false;
    if constexpr (requires { to.meta; }) meta = to.meta;
    return true;
  }
  return read_reply(reply, e.field, meta, [&](msgpack_reader& r) { msgpack_decode(r, to); });
}

} // namespace actord::dispatch
