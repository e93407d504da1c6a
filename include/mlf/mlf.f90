! SPDX-License-Identifier: Apache-2.0
! mlf for Fortran 2008: `use mlf`. Compile this file with the program that uses it, and link with -lmlf.
!
! Texts may be blank-padded: trailing blanks are cut. Every procedure that logs takes |status| as its last, optional
! argument: MLF_OK or one of the codes below, with the text in mlf_errmsg(). Nothing stops the program. Calls log
! into the thread's active run, else into the process's; the C header of the same name says more about each.
module mlf
    use, intrinsic :: iso_c_binding, only: c_bool, c_char, c_double, c_f_pointer, c_int, c_int64_t, &
        c_loc, c_null_char, c_null_ptr, c_ptr, c_size_t, c_sizeof, c_associated
    use, intrinsic :: iso_fortran_env, only: int32, int64, real32, real64
    implicit none
    private

    public :: mlf_set_tracking_uri, mlf_get_tracking_uri, mlf_set_experiment, mlf_flush, mlf_autolog
    public :: mlf_start_run, mlf_end_run, mlf_run_id
    public :: mlf_log_param, mlf_log_metric, mlf_set_tag, mlf_log_artifact, mlf_log_text, mlf_log_model
    public :: mlf_errmsg

    ! Status codes: the values of mlf_status.
    integer, parameter, public :: MLF_OK = 0
    integer, parameter, public :: MLF_ERR_INVAL = -1, MLF_ERR_NOMEM = -2, MLF_ERR_IO = -3
    integer, parameter, public :: MLF_ERR_NOT_FOUND = -4, MLF_ERR_EXISTS = -5, MLF_ERR_STATE = -6
    integer, parameter, public :: MLF_ERR_UNSUPPORTED = -7, MLF_ERR_BUSY = -8, MLF_ERR_FULL = -9
    integer, parameter, public :: MLF_ERR_PERM = -10, MLF_ERR_CORRUPT = -11, MLF_ERR_TIMEOUT = -12
    integer, parameter, public :: MLF_ERR_OFF = -13, MLF_ERR_SCHEMA = -14, MLF_ERR_CONFLICT = -15

    ! How a run ends: the values of mlf_run_status.
    integer, parameter, public :: MLF_RUN_FINISHED = 3, MLF_RUN_FAILED = 4, MLF_RUN_KILLED = 5

    ! mlf_log_param(key, value [, status]): |value| is a character, integer, real or logical. A single-precision
    ! number is written as the shortest decimal that reads back as it: 0.1 is "0.1".
    interface mlf_log_param
        module procedure log_param_text, log_param_int32, log_param_int64
        module procedure log_param_real32, log_param_real64, log_param_logical
    end interface

    ! mlf_log_metric(key, value [, step] [, status]): |value| is a real, |step| an integer; without it step 0.
    interface mlf_log_metric
        module procedure log_metric_real32, log_metric_real64
        module procedure log_metric_real32_int64, log_metric_real64_int64
    end interface

    ! mlf_run_options of <mlf/run.h>.
    type, bind(C) :: run_options
        integer(c_size_t) :: size
        type(c_ptr) :: run_name, run_id
        logical(c_bool) :: nested
        type(c_ptr) :: parent_run_id, experiment_id, description, tags
        integer(c_size_t) :: n_tags
        logical(c_bool) :: no_system_metrics
    end type

    ! mlf_model_options and mlf_model_info of <mlf/model.h>.
    type, bind(C) :: model_options
        integer(c_size_t) :: size
        type(c_ptr) :: flavor, flavor_version
        integer(c_int64_t) :: step
        type(c_ptr) :: run
        logical(c_bool) :: no_run
        type(c_ptr) :: model_type, params
        integer(c_size_t) :: n_params
        type(c_ptr) :: tags
        integer(c_size_t) :: n_tags
        type(c_ptr) :: signature, metadata
    end type
    type, bind(C) :: model_info
        character(kind=c_char) :: model_id(40), model_uri(56), run_id(40), artifact_path(56)
        character(kind=c_char) :: signature(1024), flavors(128)
    end type

    interface
        integer(c_int) function c_set_tracking_uri(uri) bind(C, name="mlf_set_tracking_uri")
            import :: c_char, c_int
            character(kind=c_char), intent(in) :: uri(*)
        end function
        type(c_ptr) function c_get_tracking_uri() bind(C, name="mlf_get_tracking_uri")
            import :: c_ptr
        end function
        integer(c_int) function c_set_experiment(name) bind(C, name="mlf_set_experiment")
            import :: c_char, c_int
            character(kind=c_char), intent(in) :: name(*)
        end function
        integer(c_int) function c_flush() bind(C, name="mlf_flush")
            import :: c_int
        end function
        integer(c_int) function c_autolog() bind(C, name="mlf_autolog")
            import :: c_int
        end function
        integer(c_int) function c_start_run(options, run) bind(C, name="mlf_start_run")
            import :: c_int, c_ptr, run_options
            type(run_options), intent(in) :: options
            type(c_ptr), intent(out) :: run
        end function
        integer(c_int) function c_end_run(how) bind(C, name="mlf_end_run")
            import :: c_int
            integer(c_int), value :: how
        end function
        type(c_ptr) function c_active_run() bind(C, name="mlf_active_run")
            import :: c_ptr
        end function
        type(c_ptr) function c_last_active_run() bind(C, name="mlf_last_active_run")
            import :: c_ptr
        end function
        type(c_ptr) function c_run_id(run) bind(C, name="mlf_run_id")
            import :: c_ptr
            type(c_ptr), value :: run
        end function
        integer(c_int) function c_log_param(key, text) bind(C, name="mlf_log_param")
            import :: c_char, c_int
            character(kind=c_char), intent(in) :: key(*), text(*)
        end function
        integer(c_int) function c_log_param_int(key, number) bind(C, name="mlf_log_param_int")
            import :: c_char, c_int, c_int64_t
            character(kind=c_char), intent(in) :: key(*)
            integer(c_int64_t), value :: number
        end function
        integer(c_int) function c_log_param_double(key, number) bind(C, name="mlf_log_param_double")
            import :: c_char, c_double, c_int
            character(kind=c_char), intent(in) :: key(*)
            real(c_double), value :: number
        end function
        integer(c_int) function c_log_param_bool(key, truth) bind(C, name="mlf_log_param_bool")
            import :: c_bool, c_char, c_int
            character(kind=c_char), intent(in) :: key(*)
            logical(c_bool), value :: truth
        end function
        integer(c_int) function c_log_metric(key, number, step) bind(C, name="mlf_log_metric")
            import :: c_char, c_double, c_int, c_int64_t
            character(kind=c_char), intent(in) :: key(*)
            real(c_double), value :: number
            integer(c_int64_t), value :: step
        end function
        integer(c_int) function c_set_tag(key, text) bind(C, name="mlf_set_tag")
            import :: c_char, c_int
            character(kind=c_char), intent(in) :: key(*), text(*)
        end function
        integer(c_int) function c_log_artifact(path, folder) bind(C, name="mlf_log_artifact")
            import :: c_char, c_int, c_ptr
            character(kind=c_char), intent(in) :: path(*)
            type(c_ptr), value :: folder
        end function
        integer(c_int) function c_log_text(text, file) bind(C, name="mlf_log_text")
            import :: c_char, c_int
            character(kind=c_char), intent(in) :: text(*), file(*)
        end function
        integer(c_int) function c_log_model(name, path, options, info) bind(C, name="mlf_log_model")
            import :: c_char, c_int, model_info, model_options
            character(kind=c_char), intent(in) :: name(*), path(*)
            type(model_options), intent(in) :: options
            type(model_info), intent(out) :: info
        end function
        type(c_ptr) function c_errmsg() bind(C, name="mlf_errmsg")
            import :: c_ptr
        end function
        integer(c_size_t) function c_strlen(text) bind(C, name="strlen")
            import :: c_ptr, c_size_t
            type(c_ptr), value :: text
        end function
    end interface

contains

    ! ---- where to log ----

    subroutine mlf_set_tracking_uri(uri, status)
        character(len=*), intent(in) :: uri
        integer, intent(out), optional :: status
        call give(c_set_tracking_uri(c_text(uri)), status)
    end subroutine

    function mlf_get_tracking_uri() result(uri)
        character(len=:), allocatable :: uri
        uri = f_text(c_get_tracking_uri())
    end function

    subroutine mlf_set_experiment(name, status)
        character(len=*), intent(in) :: name
        integer, intent(out), optional :: status
        call give(c_set_experiment(c_text(name)), status)
    end subroutine

    ! Waits, at most 30 s, until all that was logged is stored.
    subroutine mlf_flush(status)
        integer, intent(out), optional :: status
        call give(c_flush(), status)
    end subroutine

    subroutine mlf_autolog(status)
        integer, intent(out), optional :: status
        call give(c_autolog(), status)
    end subroutine

    ! Text of the last failure in this thread.
    function mlf_errmsg() result(text)
        character(len=:), allocatable :: text
        text = f_text(c_errmsg())
    end function

    ! ---- runs ----

    ! |run_id| resumes a run of the store; |nested| makes a child of the active run.
    subroutine mlf_start_run(name, nested, run_id, experiment_id, description, status)
        character(len=*), intent(in), optional :: name, run_id, experiment_id, description
        logical, intent(in), optional :: nested
        integer, intent(out), optional :: status
        character(kind=c_char), allocatable, target :: texts(:, :)
        type(run_options) :: options
        type(c_ptr) :: run
        allocate (texts(longest(name, run_id, experiment_id, description) + 1, 4))
        options%size = c_sizeof(options)
        call lend(name, texts(:, 1), options%run_name)
        call lend(run_id, texts(:, 2), options%run_id)
        options%nested = .false._c_bool
        if (present(nested)) options%nested = logical(nested, c_bool)
        options%parent_run_id = c_null_ptr
        call lend(experiment_id, texts(:, 3), options%experiment_id)
        call lend(description, texts(:, 4), options%description)
        options%tags = c_null_ptr
        options%n_tags = 0
        options%no_system_metrics = .false._c_bool
        call give(c_start_run(options, run), status)
    end subroutine

    ! |how|: MLF_RUN_FINISHED, which is also meant without it, _FAILED or _KILLED.
    subroutine mlf_end_run(how, status)
        integer, intent(in), optional :: how
        integer, intent(out), optional :: status
        integer(c_int) :: state
        state = MLF_RUN_FINISHED
        if (present(how)) state = int(how, c_int)
        call give(c_end_run(state), status)
    end subroutine

    ! Id of the active run, else of the last one; "" when there is none.
    function mlf_run_id() result(id)
        character(len=:), allocatable :: id
        type(c_ptr) :: run
        run = c_active_run()
        if (.not. c_associated(run)) run = c_last_active_run()
        id = f_text(c_run_id(run))
    end function

    ! ---- what is logged ----

    subroutine log_param_text(key, value, status)
        character(len=*), intent(in) :: key, value
        integer, intent(out), optional :: status
        call give(c_log_param(c_text(key), c_text(value)), status)
    end subroutine

    subroutine log_param_int32(key, value, status)
        character(len=*), intent(in) :: key
        integer(int32), intent(in) :: value
        integer, intent(out), optional :: status
        call log_param_int64(key, int(value, int64), status)
    end subroutine

    subroutine log_param_int64(key, value, status)
        character(len=*), intent(in) :: key
        integer(int64), intent(in) :: value
        integer, intent(out), optional :: status
        call give(c_log_param_int(c_text(key), int(value, c_int64_t)), status)
    end subroutine

    subroutine log_param_real32(key, value, status)
        character(len=*), intent(in) :: key
        real(real32), intent(in) :: value
        integer, intent(out), optional :: status
        call log_param_real64(key, nearest_double(value), status)
    end subroutine

    subroutine log_param_real64(key, value, status)
        character(len=*), intent(in) :: key
        real(real64), intent(in) :: value
        integer, intent(out), optional :: status
        call give(c_log_param_double(c_text(key), real(value, c_double)), status)
    end subroutine

    subroutine log_param_logical(key, value, status)
        character(len=*), intent(in) :: key
        logical, intent(in) :: value
        integer, intent(out), optional :: status
        call give(c_log_param_bool(c_text(key), logical(value, c_bool)), status)
    end subroutine

    subroutine log_metric_real32(key, value, step, status)
        character(len=*), intent(in) :: key
        real(real32), intent(in) :: value
        integer(int32), intent(in), optional :: step
        integer, intent(out), optional :: status
        call log_metric_real64(key, real(value, real64), step, status)
    end subroutine

    subroutine log_metric_real64(key, value, step, status)
        character(len=*), intent(in) :: key
        real(real64), intent(in) :: value
        integer(int32), intent(in), optional :: step
        integer, intent(out), optional :: status
        integer(int64) :: wide
        wide = 0
        if (present(step)) wide = int(step, int64)
        call log_metric_real64_int64(key, value, wide, status)
    end subroutine

    subroutine log_metric_real32_int64(key, value, step, status)
        character(len=*), intent(in) :: key
        real(real32), intent(in) :: value
        integer(int64), intent(in) :: step
        integer, intent(out), optional :: status
        call log_metric_real64_int64(key, real(value, real64), step, status)
    end subroutine

    subroutine log_metric_real64_int64(key, value, step, status)
        character(len=*), intent(in) :: key
        real(real64), intent(in) :: value
        integer(int64), intent(in) :: step
        integer, intent(out), optional :: status
        call give(c_log_metric(c_text(key), real(value, c_double), int(step, c_int64_t)), status)
    end subroutine

    subroutine mlf_set_tag(key, value, status)
        character(len=*), intent(in) :: key, value
        integer, intent(out), optional :: status
        call give(c_set_tag(c_text(key), c_text(value)), status)
    end subroutine

    ! Logs a file or directory; it is copied soon: keep it until mlf_flush or mlf_end_run.
    subroutine mlf_log_artifact(path, folder, status)
        character(len=*), intent(in) :: path
        character(len=*), intent(in), optional :: folder
        integer, intent(out), optional :: status
        character(kind=c_char), allocatable, target :: text(:)
        type(c_ptr) :: place
        allocate (text(longest(folder) + 1))
        call lend(folder, text, place)
        call give(c_log_artifact(c_text(path), place), status)
    end subroutine

    subroutine mlf_log_text(text, artifact_file, status)
        character(len=*), intent(in) :: text, artifact_file
        integer, intent(out), optional :: status
        call give(c_log_text(c_text(text), c_text(artifact_file)), status)
    end subroutine

    ! Logs the file or directory |path| as a LoggedModel; |flavor| says what it is.
    subroutine mlf_log_model(name, path, flavor, step, model_id, status)
        character(len=*), intent(in) :: name, path
        character(len=*), intent(in), optional :: flavor
        integer, intent(in), optional :: step
        character(len=:), allocatable, intent(out), optional :: model_id
        integer, intent(out), optional :: status
        character(kind=c_char), allocatable, target :: text(:)
        type(model_options) :: options
        type(model_info), target :: info
        integer(c_int) :: code
        allocate (text(longest(flavor) + 1))
        options%size = c_sizeof(options)
        call lend(flavor, text, options%flavor)
        options%flavor_version = c_null_ptr
        options%step = 0
        if (present(step)) options%step = int(step, c_int64_t)
        options%run = c_null_ptr
        options%no_run = .false._c_bool
        options%model_type = c_null_ptr
        options%params = c_null_ptr
        options%n_params = 0
        options%tags = c_null_ptr
        options%n_tags = 0
        options%signature = c_null_ptr
        options%metadata = c_null_ptr
        code = c_log_model(c_text(name), c_text(path), options, info)
        if (present(model_id)) model_id = f_text(c_loc(info%model_id))
        call give(code, status)
    end subroutine

    ! ---- between Fortran and C ----

    subroutine give(code, status)
        integer(c_int), intent(in) :: code
        integer, intent(out), optional :: status
        if (present(status)) status = int(code)
    end subroutine

    function c_text(text) result(terminated)
        character(len=*), intent(in) :: text
        character(kind=c_char, len=len_trim(text) + 1) :: terminated
        terminated = trim(text)//c_null_char
    end function

    function f_text(pointer_to_text) result(text)
        type(c_ptr), intent(in) :: pointer_to_text
        character(len=:), allocatable :: text
        character(kind=c_char), pointer :: chars(:)
        integer :: i, length
        length = int(c_strlen(pointer_to_text))
        call c_f_pointer(pointer_to_text, chars, [length])
        allocate (character(len=length) :: text)
        do i = 1, length
            text(i:i) = chars(i)
        end do
    end function

    ! Length of the longest of those that are present.
    integer function longest(a, b, c, d)
        character(len=*), intent(in), optional :: a, b, c, d
        longest = 0
        if (present(a)) longest = max(longest, len_trim(a))
        if (present(b)) longest = max(longest, len_trim(b))
        if (present(c)) longest = max(longest, len_trim(c))
        if (present(d)) longest = max(longest, len_trim(d))
    end function

    ! |place| becomes NULL, or points to |text| in |room|, which the caller keeps while |place| is used.
    subroutine lend(text, room, place)
        character(len=*), intent(in), optional :: text
        character(kind=c_char), intent(inout), contiguous, target :: room(:)
        type(c_ptr), intent(out) :: place
        integer :: i
        place = c_null_ptr
        if (.not. present(text)) return
        do i = 1, len_trim(text)
            room(i) = text(i:i)
        end do
        room(len_trim(text) + 1) = c_null_char
        place = c_loc(room)
    end subroutine

    ! The number that the shortest decimal for |number| says in double precision.
    function nearest_double(number) result(wide)
        real(real32), intent(in) :: number
        real(real64) :: wide
        character(len=32) :: digits
        character(len=16) :: form
        real(real32) :: back
        integer :: n, failed
        do n = 0, 8
            write (form, '("(es32.", i0, "e3)")') n
            write (digits, form) number
            read (digits, *, iostat=failed) back
            if (failed /= 0) exit
            ! As bits: comparing numbers that are none could trap.
            if (transfer(back, 0_int32) == transfer(number, 0_int32)) then
                read (digits, *, iostat=failed) wide
                if (failed == 0) return
            end if
        end do
        wide = real(number, real64)
    end function

end module mlf
