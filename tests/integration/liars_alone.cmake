# What ctest reads after the test cases of lossd_storm_test were found.
foreach(test IN LISTS lossd_storm_test_TESTS)
  if(test MATCHES "^LiarsTest")
    set_tests_properties("${test}" PROPERTIES RUN_SERIAL TRUE)
  endif()
endforeach()
