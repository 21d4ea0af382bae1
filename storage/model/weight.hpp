// About how many bytes a record has, found out without writing it down: what decides whether it is much work for somebody who is waited for.
#pragma once
#include "runtime/base/fields.hpp"
#include <type_traits>

namespace actord {

namespace detail {

struct weigher {
  size_t bytes = 0;
  template <class T> void operator()(std::string_view name, const T& x, attr = {}) {
    bytes += name.size();
    add(x);
  }
  template <class T> void add(const T& x) {
    if constexpr (std::is_same_v<T, std::string>) bytes += 8 + x.size();
    else if constexpr (std::is_same_v<T, free_value>) std::visit([&](auto& v) { add(v); }, x.v);
    else if constexpr (is_boxed<T>::value) { if (x) add(*x); }
    else if constexpr (record<T>) T::fields(*this, x);
    else if constexpr (requires { typename T::mapped_type; }) for (auto& [key, value] : x) add(key), add(value);
    else if constexpr (requires { x.begin(); }) for (auto& one : x) add(one);
    else bytes += 8;
  }
};

} // namespace detail

template <class T> size_t weight_of(const T& x) {
  detail::weigher w;
  w.add(x);
  return w.bytes;
}

} // namespace actord
