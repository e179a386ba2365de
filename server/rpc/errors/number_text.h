#ifndef LOSSD_SERVER_RPC_ERRORS_NUMBER_TEXT_H_
#define LOSSD_SERVER_RPC_ERRORS_NUMBER_TEXT_H_

#include <string>

namespace lossd::rpc {

// The shortest decimal text that reads back as `value`, so that a value just outside a range is not
// printed as the range's end: "0.99999999", "inf", "nan".
std::string NumberText(double value);

// Of a float: "0.1", not "0.10000000149011612".
std::string NumberText(float value);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_ERRORS_NUMBER_TEXT_H_
