// Messages between programs of different versions, in the dialect of msgpack.hpp. Unlike records (msgpack_codec.hpp) they
// leave out what is empty where their description says so, and what comes in is foreign: a number that does not fit its
// field, or a list longer than message_list_limit, makes the whole message malformed.
//
// A message type has, in its own namespace,
//   template <class V, class M> void describe(V&& v, M& m) { v("Node", m.node); v("SeqNo", m.seq, {...}); }
// constrained to it, with its names in byte order. Members are bool, integers, enums, double, strings, byte arrays, vectors,
// list_of, maps and other described types. A type may instead carry encode_msgpack(std::string&) const and
// decode_msgpack(msgpack_reader&), which is never asked to read a nil.
#pragma once
#include "runtime/base/fields.hpp"
#include "runtime/base/msgpack.hpp"
#include <array>
#include <limits>
#include <type_traits>

namespace actord {

// `describe` of exactly this type, const or not.
template <class M, class T> concept message_of = std::is_same_v<std::remove_const_t<M>, T>;

constexpr size_t message_list_limit = 1 << 17; // elements of one list or map

template <class T> struct is_message_list : is_nilable_list<T> {};
template <class T> struct is_message_list<std::vector<T>> : std::true_type {};
template <class T> struct is_message_map : std::false_type {};
template <class T> struct is_message_map<std::map<std::string, T>> : std::true_type {};
template <class T> struct is_byte_array : std::false_type {};
template <size_t N> struct is_byte_array<std::array<uint8_t, N>> : std::true_type {};
template <class T> struct is_maybe : std::false_type {};
template <class T> struct is_maybe<std::optional<T>> : std::true_type {};

template <class M> void encode_message(std::string& out, const M& m);
template <class M> void decode_message(msgpack_reader& r, M& m);

template <class T> bool is_empty_member(const T& x) {
  if constexpr (std::is_arithmetic_v<T>) return x == T{};
  else if constexpr (requires { x.empty(); }) return x.empty();
  else return false;
}

template <class T> void encode_message_value(std::string& out, const T& x, const attr& a = {}) {
  msgpack_writer w(out);
  if constexpr (requires { x.encode_msgpack(out); }) x.encode_msgpack(out);
  else if constexpr (std::is_same_v<T, bool>) w.boolean(x);
  else if constexpr (std::is_same_v<T, std::string>) a.bytes && x.empty() ? w.nil() : w.raw(x);
  else if constexpr (std::is_floating_point_v<T>) w.number(x);
  else if constexpr (std::is_enum_v<T>) w.number(static_cast<uint64_t>(x));
  else if constexpr (std::is_unsigned_v<T>) w.number(static_cast<uint64_t>(x));
  else if constexpr (std::is_integral_v<T>) w.number(static_cast<int64_t>(x));
  else if constexpr (is_byte_array<T>::value) w.raw({reinterpret_cast<const char*>(x.data()), x.size()});
  else if constexpr (is_maybe<T>::value) x ? encode_message_value(out, *x, a) : w.nil();
  else if constexpr (is_message_list<T>::value) {
    if constexpr (is_nilable_list<T>::value)
      if (x.is_nil()) return w.nil();
    w.array(x.size());
    for (const auto& e : x) encode_message_value(out, e, a);
  } else if constexpr (is_message_map<T>::value) {
    w.map(x.size());
    for (const auto& [k, v] : x) {
      w.raw(k);
      encode_message_value(out, v, a);
    }
  } else {
    encode_message(out, x);
  }
}

template <class M> void encode_message(std::string& out, const M& m) {
  size_t n = 0;
  describe([&](std::string_view, const auto& member, const attr& a = {}) {
    n += a.omit_empty && is_empty_member(member) ? 0 : 1;
  }, m);
  msgpack_writer w(out);
  w.map(n);
  describe([&](std::string_view name, const auto& member, const attr& a = {}) {
    if (a.omit_empty && is_empty_member(member)) return;
    w.raw(name);
    encode_message_value(out, member, a);
  }, m);
}

template <class T> void decode_message_number(msgpack_reader& r, T& x) {
  if constexpr (std::is_unsigned_v<T>) {
    const auto v = r.uint();
    if (v > std::numeric_limits<T>::max()) return r.fail();
    x = static_cast<T>(v);
  } else {
    const auto v = r.sint();
    if (v > std::numeric_limits<T>::max() || v < std::numeric_limits<T>::min()) return r.fail();
    x = static_cast<T>(v);
  }
}

template <class T> void decode_message_value(msgpack_reader& r, T& x) {
  if (r.take_nil()) {
    x = T{};
    return;
  }
  if constexpr (requires { x.decode_msgpack(r); }) x.decode_msgpack(r);
  else if constexpr (std::is_same_v<T, bool>) x = r.boolean();
  else if constexpr (std::is_same_v<T, std::string>) x.assign(r.raw());
  else if constexpr (std::is_floating_point_v<T>) x = static_cast<T>(r.floating());
  else if constexpr (std::is_enum_v<T>) {
    std::underlying_type_t<T> v{};
    decode_message_number(r, v);
    x = static_cast<T>(v);
  } else if constexpr (std::is_integral_v<T>) decode_message_number(r, x);
  else if constexpr (is_maybe<T>::value) {
    // Only byte arrays are optional so far: bytes of another length are as good as none.
    typename T::value_type bytes{};
    const auto raw = r.raw();
    x.reset();
    if (raw.size() != bytes.size()) return;
    std::copy(raw.begin(), raw.end(), bytes.begin());
    x = bytes;
  } else if constexpr (is_message_list<T>::value) {
    auto n = r.array();
    x.clear();
    if constexpr (is_nilable_list<T>::value) x.set = true;
    if (n > message_list_limit) return r.fail();
    // Grown as elements arrive: an element in memory is larger than the byte that it takes in the message.
    for (; n > 0 && r.ok(); --n) decode_message_value(r, x.emplace_back());
  } else if constexpr (is_message_map<T>::value) {
    auto n = r.map();
    x.clear();
    if (n > message_list_limit) return r.fail();
    for (; n > 0 && r.ok(); --n) {
      std::string key(r.raw());
      decode_message_value(r, x[std::move(key)]);
    }
  } else {
    decode_message(r, x);
  }
}

// Unknown names are skipped, missing ones leave what was there. Check r.ok() afterwards.
template <class M> void decode_message(msgpack_reader& r, M& m) {
  for (auto n = r.map(); n > 0 && r.ok(); --n) {
    const auto name = r.raw();
    bool found = false;
    describe([&](std::string_view own, auto& member, const attr& = {}) {
      if (found || own != name) return;
      found = true;
      decode_message_value(r, member);
    }, m);
    if (!found) r.skip();
  }
}

} // namespace actord
