// What a filter may select in a type of record, derived once from its fields(). Erased: the evaluator walks a record by
// byte offsets and function pointers, so that it is compiled once and not per record.
#pragma once
#include "runtime/base/fields.hpp"
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace actord {

struct shape;
using shape_of_function = const shape& (*)();

struct shape {
  enum class kind : uint8_t { none, string, boolean, integer, natural, floating, list, map, record, box };
  struct field {
    std::string_view name;
    size_t offset; // bytes from the start of the record
    shape_of_function type;
  };
  kind what = kind::none;
  std::vector<field> fields{};                                        // record
  shape_of_function element = nullptr;                                // list, map, box
  size_t (*size)(const void*) = nullptr;                              // list, map
  const void* (*at)(const void*, size_t) = nullptr;                   // list
  const void* (*find)(const void*, std::string_view) = nullptr;       // map: null when absent
  const void* (*target)(const void*) = nullptr;                       // box: null when nil
  int64_t (*integer)(const void*) = nullptr;                          // boolean, integer
  uint64_t (*natural)(const void*) = nullptr;                         // natural
  double (*floating)(const void*) = nullptr;                          // floating
};

template <class T> const shape& shape_of();

// Collects the fields of a sample record. A field whose address is not inside the record (a local of fields()) and the
// Raft indexes, which Consul hides from filters, are no selectors.
struct shape_builder {
  std::vector<shape::field>& out;
  const char* base;
  size_t size;
  template <class T> void operator()(std::string_view name, T& x, const attr& a = {}) {
    auto* p = reinterpret_cast<const char*>(&x);
    if (!a.filter || p < base || p + sizeof(T) > base + size || name == "CreateIndex" || name == "ModifyIndex") return;
    out.push_back({name, static_cast<size_t>(p - base), &shape_of<std::remove_const_t<T>>});
  }
};

template <class T> shape make_shape() {
  using k = shape::kind;
  shape s;
  if constexpr (std::is_same_v<T, std::string>) s.what = k::string;
  else if constexpr (std::is_same_v<T, bool>) {
    s.what = k::boolean;
    s.integer = [](const void* p) { return static_cast<int64_t>(*static_cast<const bool*>(p)); };
  } else if constexpr (std::is_same_v<T, nanos>) {
    s.what = k::integer;
    s.integer = [](const void* p) { return static_cast<int64_t>(static_cast<const nanos*>(p)->count()); };
  } else if constexpr (std::is_floating_point_v<T>) {
    s.what = k::floating;
    s.floating = [](const void* p) { return static_cast<double>(*static_cast<const T*>(p)); };
  } else if constexpr (std::is_unsigned_v<T>) {
    s.what = k::natural;
    s.natural = [](const void* p) { return static_cast<uint64_t>(*static_cast<const T*>(p)); };
  } else if constexpr (std::is_integral_v<T>) {
    s.what = k::integer;
    s.integer = [](const void* p) { return static_cast<int64_t>(*static_cast<const T*>(p)); };
  } else if constexpr (is_boxed<T>::value) {
    s.what = k::box;
    s.element = &shape_of<std::remove_cvref_t<decltype(*std::declval<const T&>())>>;
    s.target = [](const void* p) -> const void* {
      auto& b = *static_cast<const T*>(p);
      return b ? &*b : nullptr;
    };
  } else if constexpr (is_nilable_list<T>::value) {
    s.what = k::list;
    s.element = &shape_of<typename T::value_type>;
    s.size = [](const void* p) { return static_cast<const T*>(p)->size(); };
    s.at = [](const void* p, size_t i) -> const void* { return &(*static_cast<const T*>(p))[i]; };
  } else if constexpr (is_nilable_map<T>::value) {
    s.what = k::map;
    s.element = &shape_of<typename T::mapped_type>;
    s.size = [](const void* p) { return static_cast<const T*>(p)->size(); };
    s.find = [](const void* p, std::string_view key) -> const void* {
      auto& m = *static_cast<const T*>(p);
      auto it = m.find(key);
      return it == m.end() ? nullptr : &it->second;
    };
  } else if constexpr (record<T>) {
    s.what = k::record;
    T sample;
    T::fields(shape_builder{s.fields, reinterpret_cast<const char*>(&sample), sizeof(T)}, sample);
  }
  return s;
}

template <class T> const shape& shape_of() {
  static const shape s = make_shape<T>();
  return s;
}

} // namespace actord
