// Reading the state's own msgpack faster than the codec for foreign bytes does: a record's fields are looked up in a table
// that is made once per type, in the order in which they were written, instead of by comparing names with the whole
// description. Accepts the same bytes and gives the same records.
#pragma once
#include "runtime/base/msgpack_codec.hpp"
#include <algorithm>
#include <vector>

namespace actord::state {

template <class T> void decode_value(msgpack_reader& r, T& x, const attr& a);

struct field_slot {
  std::string_view name;
  attr how;
  ptrdiff_t offset = -1; // within the record; -1 for a field that has no member
  void (*decode)(msgpack_reader&, void*, const attr&) = nullptr;
};

template <class T> const std::vector<field_slot>& slots_of() {
  static const auto slots = [] {
    std::vector<field_slot> out;
    T sample{};
    T::fields([&]<class M>(std::string_view name, M& member, const attr& a = {}) {
      if (!a.msgpack) return;
      auto at = reinterpret_cast<const char*>(&member) - reinterpret_cast<const char*>(&sample);
      bool inside = at >= 0 && at < static_cast<ptrdiff_t>(sizeof(T));
      out.push_back({name, a, inside ? at : -1, [](msgpack_reader& r, void* p, const attr& how) {
        if (p) return decode_value(r, *static_cast<M*>(p), how);
        M unused{};
        decode_value(r, unused, how);
      }});
    }, sample);
    std::sort(out.begin(), out.end(), [](auto& l, auto& r) { return l.name < r.name; });
    return out;
  }();
  return slots;
}

template <class T> void decode_fields(msgpack_reader& r, T& x) {
  auto& slots = slots_of<T>();
  size_t expected = 0;
  for (auto n = r.map(); n > 0 && r.ok(); --n, ++expected) {
    auto name = r.raw();
    if (expected >= slots.size() || slots[expected].name != name) {
      auto at = std::lower_bound(slots.begin(), slots.end(), name, [](auto& s, auto want) { return s.name < want; });
      expected = static_cast<size_t>(at - slots.begin());
      if (at == slots.end() || at->name != name) {
        r.skip();
        continue;
      }
    }
    auto& s = slots[expected];
    s.decode(r, s.offset < 0 ? nullptr : reinterpret_cast<char*>(&x) + s.offset, s.how);
  }
}

template <class T> void decode_value(msgpack_reader& r, T& x, const attr& a) {
  if constexpr (is_boxed<T>::value) {
    if (r.take_nil()) x.reset();
    else decode_value(r, x.emplace(), a);
  } else if constexpr (is_nilable_list<T>::value) {
    x.clear();
    x.set = !r.take_nil();
    if (!x.set) return;
    for (auto n = r.array(); n > 0 && r.ok(); --n) decode_value(r, x.emplace_back(), a);
  } else if constexpr (is_nilable_map<T>::value || std::is_same_v<T, free_value> || !record<T>) {
    msgpack_decode(r, x, a);
  } else {
    if (r.take_nil()) x = T{};
    else decode_fields(r, x);
  }
}

// False when the bytes do not parse.
template <class Record> bool decode_record(std::string_view bytes, Record& out) {
  msgpack_reader r(bytes);
  decode_value(r, out, attr{});
  return r.ok();
}

} // namespace actord::state
