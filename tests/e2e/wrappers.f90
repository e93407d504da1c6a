! SPDX-License-Identifier: Apache-2.0
! What test_wrappers.py runs in a folder of its own: each procedure of module mlf once; it prints what it saw and
! stops with 3, so that its last run, which it does not end, is a failed one.
program wrappers
    use mlf
    use, intrinsic :: iso_fortran_env, only: int64, real32, real64
    implicit none
    character(len=40) :: padded
    character(len=:), allocatable :: id, model_id
    integer :: status, unit

    call mlf_set_tracking_uri("sqlite:///fortran.db", status)
    print '("uri ", i0, " ", l1)', status, index(mlf_get_tracking_uri(), "fortran.db") > 0
    call mlf_set_experiment("Fortran")
    print '("no run ", i0)', len(mlf_run_id())

    padded = "values"
    call mlf_start_run(name=padded, description="what it is for   ", status=status)
    id = mlf_run_id()
    print '("started ", i0, " ", i0)', status, len(id)
    padded = "text"
    call mlf_log_param(padded, "with a blank inside  ")
    call mlf_log_param("empty", "")
    call mlf_log_param("int32", 7)
    call mlf_log_param("int64", 2_int64**40)
    call mlf_log_param("real32", 0.1_real32)
    call mlf_log_param("real64", 0.1_real64)
    call mlf_log_param("large", 1.5e30_real32)
    call mlf_log_param("infinite", huge(1.0_real32)*two(), status)
    call mlf_log_param("logical", .true.)
    call mlf_log_metric("m64", 0.5_real64, 3)
    call mlf_log_metric("m32", 0.25_real32)
    call mlf_log_metric("wide", 0.5_real64, 2_int64**40)
    call mlf_log_metric("wide", 0.25_real32, 2_int64**40 + 1, status)
    call mlf_set_tag("tag", "set")
    call mlf_log_text("hello"//new_line("a"), "hello.txt")
    open (newunit=unit, file="model.txt", status="replace")
    write (unit, '(a)') "slope 2"
    close (unit)
    call mlf_log_artifact("model.txt")
    call mlf_log_artifact("model.txt", folder="in/here", status=status)
    print '("artifact ", i0)', status
    call mlf_log_model("line", "model.txt", flavor="text", step=4, model_id=model_id, status=status)
    print '("model ", i0, " ", a, " ", i0)', status, model_id(1:2), len(model_id)

    call mlf_log_param("int32", 8, status)
    print '("conflict ", l1, " ", l1)', status == MLF_ERR_CONFLICT, index(mlf_errmsg(), "int32") > 0
    call mlf_log_metric("bad"//achar(10), 1.0, status=status)
    print '("bad key ", l1)', status == MLF_ERR_INVAL
    call mlf_start_run(status=status)
    print '("second ", l1)', status == MLF_ERR_STATE
    call mlf_start_run(name="child", nested=.true.)
    call mlf_end_run(MLF_RUN_KILLED, status)
    print '("child ", i0, " ", l1)', status, mlf_run_id() == id
    call mlf_end_run(status=status)
    print '("ended ", i0)', status
    call mlf_end_run(status=status)
    print '("again ", l1)', status == MLF_ERR_STATE

    call mlf_start_run(name="never ended")
    call mlf_flush(status)
    print '("flushed ", i0)', status
    stop 3

contains

    ! The compiler must not see the product.
    real(real32) function two()
        call random_number(two)
        two = two + 2
    end function

end program wrappers
