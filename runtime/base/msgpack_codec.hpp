// msgpack out of a record's description (fields.hpp) and back in, byte for byte what go-msgpack writes: a struct is a map
// with its names in byte order and every field present; a nil slice, map, pointer or empty byte string is c0.
// The rules: runtime/base/msgpack.md.
#pragma once
#include "runtime/base/error.hpp"
#include "runtime/base/fields.hpp"
#include "runtime/base/msgpack.hpp"
#include <algorithm>
#include <numeric>

namespace actord {

void msgpack_encode_free(msgpack_writer& w, const free_value& x);
void msgpack_decode_free(msgpack_reader& r, free_value& x, int depth = 0);
void msgpack_encode_time(msgpack_writer& w, const wall_time& t);
void msgpack_decode_time(msgpack_reader& r, wall_time& t);

template <class T> void msgpack_encode(std::string& out, const T& x, const attr& a = {});
template <class T> void msgpack_decode(msgpack_reader& r, T& x, const attr& a = {});

// The order of a record's names on the wire, worked out once per type.
template <class T> const std::vector<uint16_t>& msgpack_order() {
  static const std::vector<uint16_t> order = [] {
    std::vector<std::string_view> names;
    T sample{};
    T::fields([&](std::string_view name, auto&, const attr& a = {}) { if (a.msgpack) names.push_back(name); }, sample);
    std::vector<uint16_t> o(names.size());
    std::iota(o.begin(), o.end(), uint16_t{0});
    std::sort(o.begin(), o.end(), [&](auto l, auto r) { return names[l] < names[r]; });
    return o;
  }();
  return order;
}

template <class T> void msgpack_encode_record(std::string& out, const T& x) {
  const auto& order = msgpack_order<T>();
  msgpack_writer(out).map(order.size());
  // Fields are written in the order of the description behind `start`, then moved to the order of the wire.
  const auto start = out.size();
  std::vector<uint32_t> ends;
  ends.reserve(order.size());
  T::fields([&](std::string_view name, const auto& member, const attr& a = {}) {
    if (!a.msgpack) return;
    msgpack_writer(out).raw(name);
    msgpack_encode(out, member, a);
    ends.push_back(static_cast<uint32_t>(out.size() - start));
  }, x);
  if (std::is_sorted(order.begin(), order.end())) return;
  std::string sorted;
  sorted.reserve(out.size() - start);
  for (auto i : order) {
    auto from = i == 0 ? 0 : ends[i - 1U];
    sorted.append(out, start + from, ends[i] - from);
  }
  out.replace(start, out.npos, sorted);
}

template <class T> void msgpack_encode(std::string& out, const T& x, const attr& a) {
  msgpack_writer w(out);
  if constexpr (std::is_same_v<T, bool>) w.boolean(x);
  else if constexpr (std::is_same_v<T, std::string>) a.bytes && x.empty() ? w.nil() : w.raw(x);
  else if constexpr (std::is_same_v<T, nanos>) w.number(static_cast<int64_t>(x.count()));
  else if constexpr (std::is_same_v<T, wall_time>) msgpack_encode_time(w, x);
  else if constexpr (std::is_same_v<T, free_value>) msgpack_encode_free(w, x);
  else if constexpr (std::is_floating_point_v<T>) w.number(x);
  else if constexpr (std::is_unsigned_v<T>) w.number(static_cast<uint64_t>(x));
  else if constexpr (std::is_integral_v<T>) w.number(static_cast<int64_t>(x));
  else if constexpr (is_boxed<T>::value) x ? msgpack_encode(out, *x, a) : w.nil();
  else if constexpr (is_nilable_list<T>::value) {
    if (x.is_nil()) return w.nil();
    w.array(x.size());
    for (auto& e : x) msgpack_encode(out, e, a);
  } else if constexpr (is_nilable_map<T>::value) {
    if (x.is_nil()) return w.nil();
    w.map(x.size());
    for (auto& [k, v] : x) {
      w.raw(k);
      msgpack_encode(out, v, a);
    }
  } else {
    msgpack_encode_record(out, x);
  }
}

template <class T> void msgpack_decode_record(msgpack_reader& r, T& x) {
  for (auto n = r.map(); n > 0 && r.ok(); --n) {
    auto name = r.raw();
    bool found = false;
    T::fields([&](std::string_view own, auto& member, const attr& a = {}) {
      if (found || !a.msgpack || own != name) return;
      found = true;
      msgpack_decode(r, member, a);
    }, x);
    if (!found) r.skip();
  }
}

template <class T> void msgpack_decode(msgpack_reader& r, T& x, const attr& a) {
  if (r.take_nil()) {
    x = T{};
    return;
  }
  if constexpr (std::is_same_v<T, bool>) x = r.boolean();
  else if constexpr (std::is_same_v<T, std::string>) x.assign(r.raw());
  else if constexpr (std::is_same_v<T, nanos>) x = nanos{r.sint()};
  else if constexpr (std::is_same_v<T, wall_time>) msgpack_decode_time(r, x);
  else if constexpr (std::is_same_v<T, free_value>) msgpack_decode_free(r, x);
  else if constexpr (std::is_floating_point_v<T>) x = static_cast<T>(r.floating());
  else if constexpr (std::is_unsigned_v<T>) x = static_cast<T>(r.uint());
  else if constexpr (std::is_integral_v<T>) x = static_cast<T>(r.sint());
  else if constexpr (is_boxed<T>::value) msgpack_decode(r, x.emplace(), a);
  else if constexpr (is_nilable_list<T>::value) {
    auto n = r.array();
    x.clear();
    x.set = true;
    // Grown as elements arrive: an announced length is bounded by the input, but an element in memory is larger.
    for (; n > 0 && r.ok(); --n) msgpack_decode(r, x.emplace_back(), a);
  } else if constexpr (is_nilable_map<T>::value) {
    x.clear();
    x.set = true;
    for (auto n = r.map(); n > 0 && r.ok(); --n) {
      std::string key(r.raw());
      msgpack_decode(r, x[key], a);
    }
  } else {
    msgpack_decode_record(r, x);
  }
}

template <class T> std::string to_msgpack(const T& x) {
  std::string out;
  msgpack_encode(out, x);
  return out;
}

// False when the bytes do not parse; `x` then holds what was read up to there. Trailing bytes are ignored.
template <class T> bool from_msgpack(std::string_view bytes, T& x) {
  msgpack_reader r(bytes);
  msgpack_decode(r, x);
  return r.ok();
}

} // namespace actord
