// Network coordinates (Vivaldi) of nodes.
#pragma once
#include "runtime/base/fields.hpp"

namespace actord {

// Seconds.
struct coordinate_vector {
  list_of<double> vec;
  double error = 0;
  double adjustment = 0;
  double height = 0;
  bool operator==(const coordinate_vector&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Vec", s.vec);
    v("Error", s.error);
    v("Adjustment", s.adjustment);
    v("Height", s.height);
  }
};

struct coordinate_record {
  std::string node;
  std::string segment;
  coordinate_vector coord;
  bool operator==(const coordinate_record&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Node", s.node);
    v("Segment", s.segment);
    v("Coord", s.coord);
  }
};

} // namespace actord
