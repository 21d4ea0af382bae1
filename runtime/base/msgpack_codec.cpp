#include "runtime/base/msgpack_codec.hpp"

namespace actord {

void msgpack_encode_free(msgpack_writer& w, const free_value& x) {
  if (auto* b = std::get_if<bool>(&x.v)) w.boolean(*b);
  else if (auto* i = std::get_if<int64_t>(&x.v)) w.number(*i);
  else if (auto* u = std::get_if<uint64_t>(&x.v)) w.number(*u);
  else if (auto* d = std::get_if<double>(&x.v)) w.number(*d);
  else if (auto* s = std::get_if<std::string>(&x.v)) w.raw(*s);
  else if (auto* l = std::get_if<free_value::list>(&x.v)) {
    w.array(l->size());
    for (auto& e : *l) msgpack_encode_free(w, e);
  } else if (auto* o = std::get_if<free_value::object>(&x.v)) {
    w.map(o->size());
    for (auto& [k, v] : *o) {
      w.raw(k);
      msgpack_encode_free(w, v);
    }
  } else {
    w.nil();
  }
}

void msgpack_decode_free(msgpack_reader& r, free_value& x, int depth) {
  using kind = msgpack_reader::kind;
  if (depth > 100) return r.fail();
  switch (r.peek()) {
  case kind::nil: r.take_nil(); x.v = std::monostate{}; break;
  case kind::boolean: x.v = r.boolean(); break;
  case kind::uint: x.v = r.uint(); break;
  case kind::sint: x.v = r.sint(); break;
  case kind::floating: x.v = r.floating(); break;
  case kind::raw: x.v = std::string(r.raw()); break;
  case kind::array: {
    auto& list = x.v.emplace<free_value::list>();
    for (auto n = r.array(); n > 0 && r.ok(); --n) msgpack_decode_free(r, list.emplace_back(), depth + 1);
    break;
  }
  case kind::map: {
    auto& object = x.v.emplace<free_value::object>();
    for (auto n = r.map(); n > 0 && r.ok(); --n) {
      std::string key(r.raw());
      msgpack_decode_free(r, object[key], depth + 1);
    }
    break;
  }
  case kind::invalid: r.fail(); break;
  }
}

namespace {
// Go's time.Time.MarshalBinary: version 1, seconds since year 1, nanoseconds, zone offset in minutes.
constexpr int64_t unix_to_year_one = 62135596800;
void put(std::string& out, uint64_t v, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(v >> (8 * i) & 255);
}
uint64_t get(std::string_view in, size_t at, size_t bytes) {
  uint64_t v = 0;
  for (size_t i = 0; i < bytes; ++i) v = v << 8 | static_cast<unsigned char>(in[at + i]);
  return v;
}
} // namespace

void msgpack_encode_time(msgpack_writer& w, const wall_time& t) {
  std::string b("\x01", 1);
  put(b, static_cast<uint64_t>(t.seconds + unix_to_year_one), 8);
  put(b, static_cast<uint32_t>(t.nanos), 4);
  put(b, static_cast<uint16_t>(t.zone_minutes), 2);
  w.raw(b);
}

void msgpack_decode_time(msgpack_reader& r, wall_time& t) {
  auto b = r.raw();
  if (b.size() != 15 || b[0] != 1) return r.fail();
  t.seconds = static_cast<int64_t>(get(b, 1, 8) - static_cast<uint64_t>(unix_to_year_one));
  t.nanos = static_cast<int32_t>(get(b, 9, 4));
  t.zone_minutes = static_cast<int16_t>(get(b, 13, 2));
}

} // namespace actord
