#include "actors/coordinate/core/record.hpp"
#include <algorithm>

namespace actord::coordinate {

coordinate_vector to_record(const coordinate& c) {
  coordinate_vector out;
  out.vec = std::vector<double>(c.vec.begin(), c.vec.end());
  out.error = c.error;
  out.adjustment = c.adjustment;
  out.height = c.height;
  return out;
}

result<coordinate> from_record(const coordinate_vector& v) {
  coordinate out;
  if (v.vec.size() != dimensions) return error(errc::bad_request, "dimensions aren't compatible");
  std::copy(v.vec.begin(), v.vec.end(), out.vec.begin());
  out.error = v.error;
  out.adjustment = v.adjustment;
  out.height = v.height;
  if (!is_valid(out)) return error(errc::bad_request, "coordinate is invalid");
  return out;
}

} // namespace actord::coordinate
